// Browsers run no worker in a page that was opened as a file; the search needs one. Here it runs in
// a hidden frame, which is as good for an index of this size.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html><title>Search</title>";
      frame.addEventListener("load", () => this.start(frame.contentWindow, String(address)));
      document.body.append(frame);
    }

    start(room, address) {
      room.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      room.importScripts = (...names) =>
        names.reduce((before, name) => before.then(() => load(room, name)), Promise.resolve());
      load(room, address).then(() => {
        this.room = room;
        this.waiting.splice(0).forEach((data) => this.postMessage(data));
      });
    }

    postMessage(data) {
      if (this.room) {
        this.room.dispatchEvent(new this.room.MessageEvent("message", { data }));
      } else {
        this.waiting.push(data);
      }
    }
  };

  const load = (room, name) =>
    new Promise((done, failed) => {
      const script = room.document.createElement("script");
      script.src = name;
      script.onload = done;
      script.onerror = failed;
      room.document.head.append(script);
    });
}
