"""The report face: `source-gitlab report gitlab.duckdb -o report.html`.

`charts` says what is on the page, and `questions` how that is asked; `copied` reads a file that
`sync` has written, and `page` puts all into one page, whose parts are in `assets/`.
"""
