"""What a declaration says, in words, for the documents and for `source-gitlab streams`."""
