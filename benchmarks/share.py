"""Opens a file of `heschl share` in headless Chromium, from disk, and looks at it.

    python benchmarks/share.py cortex.html [picture.png]

Needs Chromium and `pip install websocket-client`. Fails if the page asks for anything besides itself, writes an error to the
console, shows an empty picture, or does not answer a click with a value. Prints what it saw.
"""
import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import websocket

PORT = 9333
SIZE = (1100, 760)


class Browser:
    """A headless Chromium that is spoken to by its debugging protocol."""

    def __init__(self, profile):
        program = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("There is no Chromium.")
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", f"--remote-debugging-port={PORT}", "--remote-allow-origins=*",
             "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
             f"--user-data-dir={profile}", f"--window-size={SIZE[0]},{SIZE[1]}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{PORT}/json"))
                break
            except OSError:
                time.sleep(0.2)
        address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self.socket = websocket.create_connection(address, timeout=60)
        self.n_sent, self.events = 0, []

    def ask(self, method, **parameters):
        self.n_sent += 1
        self.socket.send(json.dumps({"id": self.n_sent, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.n_sent:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def evaluate(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            sys.exit(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def main():
    path = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        try:
            look(browser, path)
        finally:
            browser.process.terminate()
            browser.process.wait()


def look(browser, path):
    for domain in ("Network", "Runtime", "Page", "Log"):
        browser.ask(f"{domain}.enable")
    browser.ask("Page.navigate", url=path.as_uri())
    time.sleep(4)
    # Two frames later everything is drawn.
    browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
    picture = base64.b64decode(browser.ask("Page.captureScreenshot")["data"])
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_bytes(picture)
    n_drawn = browser.evaluate("""(() => {
        resize(); render(false);
        const pixels = new Uint8Array(4 * canvas.width * canvas.height);
        gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
        const colours = new Set();
        let n = 0;
        for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3]) { n++; colours.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]); }
        return [n, colours.size, canvas.width * canvas.height];
    })()""")
    box = browser.evaluate("(({ left, top, width, height }) => [left, top, width, height])(canvas.getBoundingClientRect())")
    found = []
    for share in (0.25, 0.3, 0.7):
        browser.click(box[0] + share * box[2], box[1] + 0.5 * box[3])
        time.sleep(0.3)
        found.append(browser.evaluate("[el('chosen').dataset.vertex, el('chosen').dataset.value, el('chosen').innerText]"))
    browser.evaluate("setView('Flat'); new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
    if len(sys.argv) > 2:
        flat = Path(sys.argv[2]).with_name(Path(sys.argv[2]).stem + "-flat.png")
        flat.write_bytes(base64.b64decode(browser.ask("Page.captureScreenshot")["data"]))
    asked = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    foreign = [url for url in asked if url != path.as_uri() and not url.startswith("data:")]
    errors = [event["params"] for event in browser.events
              if event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]
    print(f"size             {path.stat().st_size / 1e6:.2f} MB")
    print(f"requests         {len(asked)}, of which {len(foreign)} leave the file")
    print(f"picture          {n_drawn[0]} of {n_drawn[2]} pixels drawn, {n_drawn[1]} colours")
    for vertex, value, text in found:
        print(f"click            vertex {vertex}: {' | '.join(text.split(chr(10)))}")
    print(f"errors           {errors or 'none'}")
    clicked = [value for vertex, value, _ in found if vertex is not None]
    is_right = not foreign and not errors and n_drawn[0] > n_drawn[2] / 20 and n_drawn[1] > 20 and clicked
    sys.exit(0 if is_right else 1)


main()
