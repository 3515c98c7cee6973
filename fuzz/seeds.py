"""Writes the first inputs of the fuzz targets, and a dictionary.

Usage: seeds.py DIRECTORY. Each target gets a directory with its inputs, most of them
made of the frames in tests/vectors and of the files of the examples.
"""

import hashlib
import io
import json
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = sorted((ROOT / "tests/vectors").glob("*.jsonl"))

SETTINGS = {
    "text": "a", "count": 1, "small": -1, "ratio": 1.5, "flag": True,
    "list": [{"id": 1, "more": {"id": 2}}], "inner": {"id": 3}, "mode": {"level": 3},
    "pair": [1, "x"], "other": {"a": None}, "image": "AQID", "unit": None,
    "password": "TOP-SECRET", "period": "1m30s", "limit": "10MB",
}
DURATIONS = ["5s", "1h15m30.918s", ".5s", "5.s", "+3s", "0", "-1s", "1\u00b5s", "1\u03bcs",
             "9223372036854775807ns", "2562047h47m16.854775807s", "1.000000000000000001h", "1d"]
SIZES = ["10", "1.5 GiB", "10MB", " 3 kB ", "18446744073709551615", "0.5b", "16777216TiB", ".5ki"]
NAMES = {
    "sdk_durations": DURATIONS,
    "sdk_sizes": SIZES,
    "sdk_bytes": ["", "AQID", "ZUt1aXBlcg==", "ZUt1\r\naXBlcg==\n", "AB==", "A", "\u00e9"],
    "mock_zipped": ["plugin.json\0{}\0sources/a.yaml\0a: 1", "../up\0x", "/abs\0x", "a\\b\0x",
                    "dir/\0\0dir/f\0x", "a\0x\0a/b\0y", "a\0x\0./a\0y",
                    "*bomb\0" + "bomb" * 20, "a\0\0b\0\0c\0\0link\0x"],
}


def frames():
    """Yields the channel, the sender, the request's id and the text of each message."""
    for path in VECTORS:
        for line in path.read_text(encoding="utf-8").splitlines():
            frame = json.loads(line)
            if "text" in frame:
                yield frame["channel"], frame["from"], frame.get("id", ""), frame["text"]


def read_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def seeds():
    """Yields the name of a target and an input, as text or bytes."""
    messages = list(frames())
    for target, texts in NAMES.items():
        yield from ((target, text) for text in texts)

    yield "sdk_config", json.dumps(SETTINGS)
    yield "sdk_config", json.dumps(SETTINGS | {"mode": {"window": {"from": 1, "to": 2}}})
    yield "sdk_config", '{"Period": 5, "LIMIT": 7, "mode": "off", "perod": "1s"}'
    for channel, sender, _, text in messages:
        value = read_json(text)
        if channel.startswith("plugin_"):
            yield ("sdk_orders" if sender == "host" else "mock_answers"), text
            if isinstance(value, dict) and sender == "host":
                argument = json.loads(value["arg"])
                yield "sdk_config", json.dumps(argument.get("config", {}))
        elif channel.startswith("func_"):
            yield ("sdk_requests" if sender == "host" else "mock_answers"), text
            if isinstance(value, dict) and isinstance(value.get("arg"), list):
                yield "sdk_rows", json.dumps(value["arg"])
        elif channel.endswith("_ack"):
            yield "mock_answers", text
        else:
            yield ("sdk_rows" if sender == "host" else "mock_rows"), text
        if value is not None:
            yield "mock_json", text
    orders = [text for channel, sender, _, text in messages if channel.startswith("plugin_") and sender == "host"]
    for at in range(0, len(orders) - 3, 20):
        yield "sdk_orders", "\0".join(orders[at:at + 3])

    yield from streams(messages)
    yield from traces()
    yield from files()


def streams(messages):
    """Yields streams of frames in pieces, with and without ids."""
    def frame(body):
        return b"\x01" + len(body).to_bytes(8, "big") + body

    some = messages[:: len(messages) // 40]
    for at in range(0, len(some), 3):
        group = some[at:at + 3]
        bodies = [text.encode() for _, _, _, text in group]
        ids = [bytes.fromhex(number or "80000001") for _, _, number, _ in group]
        plain = b"".join(map(frame, bodies))
        asked = b"".join(frame(number + body) for number, body in zip(ids, bodies))
        for head in (b"\xff\x00", b"\xff\x02\x00\x07", b"\x40\x01\x1f"):
            for target in ("sp_frames", "sp_pull"):
                yield target, head + plain
                yield target, head + plain[:-1]
            yield "sp_rep", head + asked
            yield "sp_rep", head + b"".join(frame(b"\x00\x00\x00\x07" + number) for number in ids)
            yield "sp_req", head + asked + frame(b"ID!!" + bodies[0])
    yield "sp_frames", bytes.fromhex("0053500000310000")
    yield "sp_pull", b"\xff\x00\x02"
    yield "sp_pull", b"\xff\x00\x01" + b"\xff" * 8
    yield "sp_rep", b"\xff\x00" + frame(b"abc")
    yield "sp_req", b"\xff\x00" + frame(b"ID!")


def traces():
    """Yields the recordings in parts, each with the first line."""
    for path in VECTORS:
        first, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for at in range(0, len(lines), 40):
            yield "mock_trace", first + "".join(lines[at:at + 10])


def files():
    """Yields the files of plugins, whole and zipped, and test files."""
    places = ["sdk/examples", "mock-kuiper/templates", "mock-kuiper/python/tests/plugins"]
    paths = [path for place in places for path in sorted((ROOT / place).rglob("*")) if path.is_file()]
    for path in paths:
        if "target" in path.parts or path.suffix not in (".json", ".yaml", ".in"):
            continue
        text = path.read_text(encoding="utf-8")
        name = path.name.removesuffix(".in")
        if name.endswith(".test.yaml"):
            # A plugin that is there, so that the rest of the file counts.
            text = re.sub(r"(?m)^plugin: .*$", "plugin: /tmp", text)
            yield "mock_cases", text
            for part in [text, *re.split(r"(?m)^  - ", text)]:
                yield "mock_words", part
                yield "mock_update", '\x03{"a": [1, "$b"]}\0' + part
        elif name.endswith(".json"):
            yield "mock_manifest", text
            yield "mock_json", text
        elif name.endswith(".yaml"):
            json_file = path.with_suffix(".json")
            beside = json_file.read_text(encoding="utf-8") if json_file.exists() else ""
            yield "mock_yaml", text
            yield "mock_yaml", f"{text}\n\0\n{beside}"
            yield "mock_words", text
            yield "mock_update", "\x02[1.5, null]\0" + text
    yield "mock_manifest", '{"version":"1","language":"go","executable":"run","sources":["a"],"sinks":[],"functions":["f"]}'
    yield "mock_yaml", "Default: &x {A: 017, b: 0x1f, c: 2023-01-01}\nconf: {<<: *x, d: .inf, 1: 2}\n"
    yield "mock_yaml", "default:\n  a: !!binary AQID\n  b: |\n    text\n  c: [1_000, 1e3, yes, ~]\n--- \nx: 1\n"
    yield "mock_words", "a: [1, 'b', {c: |\n  text\n }, 0x1f, $any, ~]\n"
    yield from zips()


def zips():
    """Yields zips: stored, deflated, with a link, with a bomb, with false sizes."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr("plugin.json", '{"sources": ["a"]}')
            archive.writestr("sources/a.yaml", "default: {}\n")
            link = zipfile.ZipInfo("link")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
        yield "mock_zip", out.getvalue()
        # Sizes that are false in the central directory.
        yield "mock_zip", out.getvalue().replace((18).to_bytes(4, "little"), b"\xff\xff\xff\x7f")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr("bomb", b"\0" * 70_000 if method == zipfile.ZIP_DEFLATED else b"x")
            archive.writestr("../up", "x")
        yield "mock_zip", out.getvalue()


def dictionary():
    """Returns the words of the formats, for libFuzzer's `-dict`."""
    words = set()
    for _, _, _, text in frames():
        words.update(re.findall(r'"(\w{2,24})\\?"(?=:)', text))
        words.update(re.findall(r'"\w{2,20}":"(\w{2,12})"', text))
    code = (ROOT / "mock-kuiper/src/scenario/format").rglob("*.rs")
    for path in [*code, ROOT / "mock-kuiper/src/scenario/pattern/table.rs"]:
        words.update(re.findall(r'"(\$?[a-z_]{2,20})"', path.read_text(encoding="utf-8")))
    others = ["\\ud83d", "\\u2028", "true", "false", "null", "1e999", "-0.0", "!!binary ",
              "!!str ", "<<: ", "&x ", "*x", ".inf", "0o17", "PK\\x01\\x02", "PK\\x03\\x04",
              "PK\\x05\\x06", "ID!!", "handshake", "TOP-SECRET"]
    quoted = [word.replace("\\", "\\\\") if word.startswith("\\u") else word for word in others]
    return "".join(f'"{word}"\n' for word in sorted(words) + quoted)


def main():
    directory = pathlib.Path(sys.argv[1])
    count = 0
    for target, content in seeds():
        content = content.encode() if isinstance(content, str) else content
        place = directory / target
        place.mkdir(parents=True, exist_ok=True)
        (place / hashlib.sha1(content).hexdigest()).write_bytes(content)
        count += 1
    (directory / "dictionary").write_text(dictionary(), encoding="utf-8")
    print(f"{count} inputs")


if __name__ == "__main__":
    main()
