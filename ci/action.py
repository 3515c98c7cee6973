#!/usr/bin/env python3
"""Does the steps of action.yml as a runner of GitHub would, and checks what they leave.

Usage: ci/action.py EXECUTABLES WORK

EXECUTABLES is the directory with mock-kuiper and ekuiper-conformance. WORK is an empty
place, except for a plugin in WORK/mirror. ci/action calls this.
"""

import hashlib
import http.server
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

import ruamel.yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXECUTABLES = pathlib.Path(sys.argv[1])
WORK = pathlib.Path(sys.argv[2])
PROGRAMS = ["mock-kuiper", "ekuiper-conformance"]
X64 = "x86_64-unknown-linux-gnu"
ACTION = ruamel.yaml.YAML(typ="safe").load(ROOT / "action.yml")
INSTALL, RUN = (step for step in ACTION["runs"]["steps"] if "run" in step)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`: bytes, an HTTP status, a path to go to, or bytes that break off."""

    files = {}

    def do_GET(self):
        content = self.files.get(self.path, 404)
        if isinstance(content, int):
            self.send_error(content)
            return
        if isinstance(content, str):
            self.send_response(302)
            self.send_header("Location", content)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content, length = content if isinstance(content, tuple) else (content, len(content))
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def archive_name(program, target):
    """Returns the name of an archive as cargo-binstall makes it from the metadata."""
    command = [sys.executable, "ci/dist.py", "name", program, target]
    return subprocess.check_output(command, cwd=ROOT, text=True).strip()


def archive(program, folder, executable):
    """Returns an archive with one executable."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        member = tarfile.TarInfo(f"{folder}/{program}")
        member.mode, member.size = 0o755, len(executable)
        tar.addfile(member, io.BytesIO(executable))
    return packed.getvalue()


def sum_of(content):
    return hashlib.sha256(content).hexdigest()


def sums(files):
    """Returns the file SHA256SUMS for files."""
    lines = [f"{sum_of(content)}  {name}\n" for name, content in sorted(files.items())]
    return "".join(lines).encode()


class Job:
    """A job on a runner: its directories, its files, and the inputs of the action."""

    def __init__(self, inputs, path=None, **variables):
        self.place = pathlib.Path(tempfile.mkdtemp(dir=WORK))
        self.temp = self.place / "temp"
        self.temp.mkdir()
        self.github_path = self.place / "path"
        self.summary_file = self.place / "summary.md"
        self.github_path.touch()
        self.inputs = {name: value.get("default", "") for name, value in ACTION["inputs"].items()}
        assert inputs.keys() <= self.inputs.keys(), inputs
        self.inputs |= inputs
        self.contexts = {"github.action_ref": "", "github.action_repository": "owner/name"}
        self.environment = {
            **os.environ,
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_PATH": str(self.github_path),
            "GITHUB_SERVER_URL": "https://127.0.0.1:1",
            "GITHUB_STEP_SUMMARY": str(self.summary_file),
            "GITHUB_WORKSPACE": str(WORK),
            "RUNNER_ARCH": "X64",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
        }
        if path:
            self.environment["PATH"] = str(path)
        for name, value in variables.items():
            if name in self.environment:
                self.environment[name] = value
            else:
                self.contexts["github." + name] = value

    def value(self, text):
        """Returns a value of action.yml with its expression evaluated."""
        found = re.fullmatch(r"\$\{\{ (\S+) \}\}", text)
        if not found:
            return text
        kind, _, name = found.group(1).partition(".")
        return self.inputs[name] if kind == "inputs" else self.contexts[found.group(1)]

    def step(self, step):
        """Does a step of action.yml; returns its status and what it printed."""
        environment = self.environment | {k: self.value(v) for k, v in step["env"].items()}
        before = self.github_path.read_text().split()
        environment["PATH"] = ":".join([*before, environment["PATH"]])
        done = subprocess.run(
            [shutil.which("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=WORK,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        return done.returncode, done.stdout

    def summary(self):
        return self.summary_file.read_text()

    def result(self, name):
        return (WORK / self.inputs["junit"] / f"{name}.xml").read_text()


class Install(unittest.TestCase):
    """The step that installs the executables."""

    @classmethod
    def setUpClass(cls):
        cls.version = archive_name("mock-kuiper", X64).rpartition("-v")[2]
        cls.good = {}
        for program in PROGRAMS:
            stripped = WORK / "stripped"
            subprocess.check_call(["strip", "-o", stripped, EXECUTABLES / program])
            folder = archive_name(program, X64)
            cls.good[f"{folder}.tar.gz"] = archive(program, folder, stripped.read_bytes())
        cls.first, cls.second = (f"{archive_name(program, X64)}.tar.gz" for program in PROGRAMS)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.address = f"http://127.0.0.1:{cls.server.server_port}"

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def serve(self, files, listed=None):
        """Serves the files of a release; returns the URL of their directory."""
        name = f"/{self.id()}"
        files = {"SHA256SUMS": sums(listed or files), **files}
        Server.files.update({f"{name}/{file}": content for file, content in files.items()})
        return self.address + name

    def assert_installed(self, job):
        status, printed = job.step(INSTALL)
        self.assertEqual(status, 0, printed)
        self.assertNotIn("::error", printed)
        [place] = job.github_path.read_text().split()
        self.assertEqual(list(job.temp.iterdir()), [pathlib.Path(place)])
        self.assertEqual(sorted(os.listdir(place)), sorted(PROGRAMS))
        for program in PROGRAMS:
            said = subprocess.check_output([f"{place}/{program}", "--version"], text=True)
            self.assertEqual(said, f"{program} {self.version}\n")
        return printed

    def assert_refused(self, job, sentence):
        """Checks that the step fails with one annotation, and leaves nothing."""
        status, printed = job.step(INSTALL)
        self.assertEqual(status, 1, printed)
        self.assertIn(f"::error title=mock-kuiper::{sentence}\n", printed)
        self.assertEqual(printed.count("::error"), 1, printed)
        self.assertEqual(list(job.temp.iterdir()), [])
        self.assertEqual(job.github_path.read_text(), "")

    def test_the_executables_of_a_release_are_verified_and_put_on_the_path(self):
        url = self.serve(self.good)

        printed = self.assert_installed(Job({"version": self.version, "url": url}))

        for name, content in self.good.items():
            self.assertIn(f"downloaded {url}/{name}, SHA-256 {sum_of(content)}\n", printed)

    def test_the_tag_of_the_action_names_the_release_and_its_address(self):
        place = f"/owner/name/releases/download/v{self.version}"
        moved = {f"/storage/{name}": content for name, content in self.good.items()}
        Server.files.update({f"{place}/{name}": f"/storage/{name}" for name in self.good})
        Server.files.update({**moved, f"{place}/SHA256SUMS": sums(self.good)})

        job = Job({}, action_ref=f"v{self.version}", GITHUB_SERVER_URL=self.address)

        self.assert_installed(job)

    def test_a_pinned_sum_pins_the_whole_release(self):
        url = self.serve(self.good)
        pinned = {"version": f"v{self.version}", "url": url}

        self.assert_installed(Job({**pinned, "sha256": sum_of(sums(self.good))}))
        self.assert_installed(Job({**pinned, "sha256": f" {sum_of(sums(self.good)).upper()}\n"}))
        self.assert_refused(
            Job({**pinned, "sha256": "0" * 64}),
            f"{url}/SHA256SUMS has the SHA-256 {sum_of(sums(self.good))}, and not {'0' * 64}, "
            "which `sha256` says; nothing was installed",
        )

    def test_sums_are_read_as_sha256sum_reads_them(self):
        url = self.serve(self.good)
        lines = [f"{sum_of(content).upper()} *{name}\r\n" for name, content in self.good.items()]
        Server.files[f"/{self.id()}/SHA256SUMS"] = "".join(lines).encode()

        self.assert_installed(Job({"version": self.version, "url": url}))

    def test_an_archive_with_another_sum_is_refused(self):
        changed = {**self.good, self.second: self.good[self.second] + b"\0"}
        url = self.serve(changed, listed=self.good)

        self.assert_refused(
            Job({"version": self.version, "url": url}),
            f"{url}/{self.second} has the SHA-256 {sum_of(changed[self.second])}, and not "
            f"{sum_of(self.good[self.second])}, which SHA256SUMS says; nothing was installed",
        )

    def test_a_release_that_does_not_exist_is_refused(self):
        self.assert_refused(
            Job({"version": "9.9.9", "url": f"{self.address}/none"}),
            f"cannot download {self.address}/none/SHA256SUMS: curl: (22) The requested URL "
            "returned error: 404; check `version` and `url`, or build with `version: build`",
        )

    def test_a_missing_archive_is_refused(self):
        url = self.serve({self.first: self.good[self.first]}, listed=self.good)

        self.assert_refused(
            Job({"version": self.version, "url": url}),
            f"cannot download {url}/{self.second}: curl: (22) The requested URL returned error: "
            "404; check `version` and `url`, or build with `version: build`",
        )

    def test_a_failing_server_is_named(self):
        url = self.serve({**self.good, self.first: 500}, listed=self.good)

        self.assert_refused(
            Job({"version": self.version, "url": url}),
            f"cannot download {url}/{self.first}: curl: (22) The requested URL returned error: "
            "500; check `version` and `url`, or build with `version: build`",
        )

    def test_an_archive_that_breaks_off_is_refused(self):
        whole = self.good[self.first]
        url = self.serve({**self.good, self.first: (whole[:1000], len(whole))}, listed=self.good)
        job = Job({"version": self.version, "url": url})

        status, printed = job.step(INSTALL)

        self.assertEqual(status, 1, printed)
        sentence = f"::error title=mock-kuiper::cannot download {url}/{self.first}: curl: (18) "
        self.assertIn(sentence, printed)
        self.assertEqual(printed.count("::error"), 1, printed)
        self.assertEqual(list(job.temp.iterdir()), [])

    def test_an_archive_that_was_made_truncated_is_refused(self):
        broken = {**self.good, self.first: self.good[self.first][:1000]}
        url = self.serve(broken)
        folder = self.first.removesuffix(".tar.gz")

        self.assert_refused(
            Job({"version": self.version, "url": url}),
            f"{url}/{self.first} has no {folder}/mock-kuiper; nothing was installed",
        )

    def test_executables_of_another_machine_are_refused(self):
        folder = self.first.removesuffix(".tar.gz")
        other = archive("mock-kuiper", folder, b"\x7fELF of another processor")
        url = self.serve({**self.good, self.first: other})

        self.assert_refused(
            Job({"version": self.version, "url": url}),
            f"mock-kuiper of version `{self.version}` does not run on this runner; build it with "
            "`version: build`",
        )

    def test_a_release_without_this_processor_is_refused(self):
        url = self.serve(self.good)
        job = Job({"version": self.version, "url": url}, RUNNER_ARCH="ARM64")
        missing = archive_name("mock-kuiper", "aarch64-unknown-linux-gnu")

        self.assert_refused(
            job,
            f"{url}/SHA256SUMS does not name {missing}.tar.gz; the release has no executables for "
            "aarch64-unknown-linux-gnu",
        )

    def test_an_unknown_processor_or_system_is_refused(self):
        for system, processor in [("Linux", "RISCV64"), ("Windows", "X64"), ("macOS", "ARM64")]:
            job = Job({"version": "1.2.3"}, RUNNER_OS=system, RUNNER_ARCH=processor)
            self.assert_refused(
                job,
                f"a release has no executables for {system} on {processor}; use a runner with "
                "Linux on X64, ARM64 or ARM",
            )

    def test_what_is_no_version_is_refused(self):
        for version in ["../../x", "a b", "%0A::error::"]:
            shown = version.replace("%", "%25")
            self.assert_refused_version(version, shown)

    def assert_refused_version(self, version, shown):
        job = Job({"version": version})
        status, printed = job.step(INSTALL)
        self.assertEqual(status, 1, printed)
        self.assertEqual(
            printed,
            f"::error title=mock-kuiper::`version: {shown}` is neither a version, such as 0.2.0, "
            "nor `build`\n",
        )
        self.assertEqual(list(job.temp.iterdir()), [])

    def test_a_checkout_is_built(self):
        job = Job({}, action_ref="main")
        # ci/dist builds the same with optimizations. They are most of the time.
        for setting in ["OPT_LEVEL=0", "LTO=off", "CODEGEN_UNITS=256"]:
            name, _, value = setting.partition("=")
            job.environment[f"CARGO_PROFILE_RELEASE_{name}"] = value
        # Its own: other scripts that build with optimizations would wait.
        job.environment["CARGO_TARGET_DIR"] = f"{os.environ['CARGO_TARGET_DIR']}/action"

        printed = self.assert_installed(job)

        self.assertIn(f"building mock-kuiper ekuiper-conformance from {ROOT}\n", printed)

    def test_a_build_needs_cargo(self):
        tools = WORK / "tools"
        tools.mkdir()
        for tool in ["bash", "dirname", "mkdir", "mktemp", "rm"]:
            (tools / tool).symlink_to(shutil.which(tool))

        # A system without Rust.
        self.assert_refused(
            Job({"version": "build"}, path=tools),
            "`version: build` needs Cargo, which is not on PATH; install Rust, or name a release "
            "with `version`",
        )


class Run(unittest.TestCase):
    """The step that runs what is asked for."""

    def job(self, place=EXECUTABLES, **inputs):
        inputs = {name.replace("_", "-"): value for name, value in inputs.items()}
        job = Job({"junit": f"results-{self.id()}", **inputs})
        job.github_path.write_text(f"{place}\n")
        return job

    def recorded(self, statuses, **inputs):
        """Runs the step with programs that print their arguments and exit."""
        place = pathlib.Path(tempfile.mkdtemp(dir=WORK))
        for program in PROGRAMS:
            file = place / program
            file.write_text(
                f'#!/bin/sh\nprintf "[%s]" {program} "$@"\necho\ncase "{program} $1" in\n'
                + "".join(f'"{start}"*) exit {status};;\n' for start, status in statuses.items())
                + "esac\n"
            )
            file.chmod(0o755)
        status, printed = self.job(place, **inputs).step(RUN)
        return status, [line for line in printed.splitlines() if not line.startswith("===")]

    def test_check_and_conformance_are_run_by_default(self):
        status, commands = self.recorded({})

        self.assertEqual(
            commands,
            [
                "[mock-kuiper][check][--][.]",
                f"[ekuiper-conformance][--long][--junit][results-{self.id()}/conformance.xml]"
                "[--][.]",
            ],
        )
        self.assertEqual(status, 0)

    def test_every_input_reaches_its_command(self):
        status, commands = self.recorded(
            {},
            plugin="my plugin",
            test="tests\n  more tests/a.test.yaml  \n\n",
            strict="true",
            releases="1.13, 2.4",
            python="venv/bin/python",
            config='a={"b": 1}\n  c={}\n',
            promises="promises.txt",
            expect_fail="known.txt",
            expect_flaky="flaky.txt",
            junit="",
        )

        self.assertEqual(
            commands,
            [
                "[mock-kuiper][check][--strict][--][my plugin]",
                "[mock-kuiper][test][--python][venv/bin/python][--release=1.13][--release=2.4]"
                "[--][tests][more tests/a.test.yaml]",
                "[ekuiper-conformance][--long][--strict][--python][venv/bin/python]"
                "[--release][1.13,2.4][--promises][promises.txt][--expect-fail][known.txt]"
                '[--expect-flaky][flaky.txt][--config=a={"b": 1}][--config=c={}][--][my plugin]',
            ],
        )
        self.assertEqual(status, 0)

    def test_a_failed_part_does_not_keep_the_others_from_running(self):
        status, commands = self.recorded({"mock-kuiper check": 1, "mock-kuiper test": 3}, test="t")

        self.assertEqual(len(commands), 3)
        self.assertEqual(status, 1)
        status, commands = self.recorded({"ekuiper-conformance": 2}, check="false")
        self.assertEqual(len(commands), 1)
        self.assertEqual(status, 2)

    def test_an_input_that_is_neither_true_nor_false_is_refused(self):
        status, lines = self.recorded({}, conformance="yes")

        text = "`conformance: yes` is neither `true` nor `false`"
        self.assertEqual(lines, [f"::error title=mock-kuiper::{text}"])
        self.assertEqual(status, 2)

    def test_the_example_is_checked_and_tested(self):
        job = self.job(plugin="mirror", test="mirror/tests", conformance="false", releases="2.4")

        status, printed = job.step(RUN)

        self.assertEqual(status, 0, printed)
        # It is not linked statically.
        [annotation] = re.findall(r"(?m)^::.*", printed)
        self.assertRegex(
            annotation, r"^::warning file=mirror/mirror,title=mock-kuiper check::mirror: runs in "
        )
        self.assertRegex(job.summary(), r"(?m)^### mirror, checked: no errors, 1 warning$")
        self.assertRegex(job.summary(), r"(?m)^### mirror: \d+ passed in ")
        self.assertRegex(job.result("test"), r'<testcase name="echo returns its argument')

    def test_a_name_that_begins_with_a_dash_is_not_an_option(self):
        status, printed = self.job(plugin="-h", test="--help").step(RUN)

        self.assertEqual(status, 2, printed)
        self.assertEqual(printed.count("`-h`") + printed.count("-h:"), 2, printed)
        self.assertNotIn("Usage", printed)

    def test_the_example_passes_the_suite(self):
        job = self.job(plugin="mirror", check="false", config='random={"period":10}')

        status, printed = job.step(RUN)

        self.assertEqual(status, 0, printed)
        self.assertRegex(
            job.summary(),
            r"^### mirror under eKuiper 2\.4: 0 failed, \d+ passed, \d+ not applicable\n",
        )
        self.assertIn('<testsuite name="mirror under eKuiper 2.4"', job.result("conformance"))

    def test_what_is_wrong_is_annotated_and_summed_up(self):
        plugin = WORK / "broken"
        plugin.mkdir()
        (plugin / "broken.json").write_text(
            '{"language":"rust","executable":"broken","sources":["s"]}'
        )
        (plugin / "own.test.yaml").write_text(
            "plugin: ../mirror\ncases:\n- name: wrong\n  function: echo\n  calls:\n"
            "  - {args: [1], result: 2}\n"
        )
        (WORK / "known").write_text("PKG-01  2.4  it is known\n")
        job = self.job(plugin="broken", test="broken", expect_fail="known", releases="2.4")

        status, printed = job.step(RUN)

        self.assertEqual(status, 1, printed)
        self.assertRegex(
            printed, r"(?m)^::error file=broken/broken\.json,title=mock-kuiper check::.*`language`"
        )
        self.assertRegex(
            printed,
            r"(?m)^::error file=broken/own\.test\.yaml,line=6,col=\d+,title=wrong \(eKuiper 2\.4\)::",
        )
        self.assertRegex(printed, r"(?m)^::error title=PKG-04 under eKuiper 2\.4::")
        self.assertNotIn("::error title=PKG-01", printed)
        self.assertRegex(job.summary(), r"(?m)^\| error \| broken\.json \| ")
        self.assertRegex(job.summary(), r"(?m)^\| failed \| wrong \| 2\.4 \| ")
        self.assertRegex(job.summary(), r"(?m)^\| PKG-01 \| ")
        self.assertIn("<failure", job.result("test"))
        self.assertIn("<failure", job.result("conformance"))


class Metadata(unittest.TestCase):
    """What no step shows."""

    def test_each_input_is_used_and_reaches_the_steps(self):
        text = (ROOT / "action.yml").read_text()
        used = set(re.findall(r"\$\{\{ inputs\.([a-z0-9-]+) \}\}", text))
        self.assertEqual(used, ACTION["inputs"].keys())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
