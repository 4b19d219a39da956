"""Fetching: from a mirror folder, an address, or not at all; nothing but the registered file is kept."""

import hashlib
import io
import os
import re
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reconbench.datasets import fetching
from reconbench.datasets.fetching import fetch
from reconbench.datasets.registry import RegistryFile, registered_files, registry
from reconbench.errors import UserError
from reconbench.images import sha256_of

CONTENTS = {"one.png": b"first file" * 500, "sub/two.png": b"second file" * 700}
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "data.md"


class Server:
    """An HTTP server of this test alone: what it answers by path, and what it was asked."""

    def __init__(self):
        self.answers, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                outer.asked.append(self.path)
                status, body, announced = outer.answers.get(self.path, (404, b"", 0))
                if isinstance(status, list):
                    status = status.pop(0) if len(status) > 1 else status[0]
                self.send_response(status)
                self.send_header("Content-Length", str(announced))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def serve(self, path, body, status=200, announced=None):
        self.answers[path] = (status, body, len(body) if announced is None else announced)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    server = Server()
    yield server
    server.close()


@pytest.fixture
def demo(monkeypatch, server):
    """Register the dataset `demo`, whose public address is the server's folder /public."""
    register(monkeypatch, server.address, CONTENTS)
    return server


def register(monkeypatch, address, contents):
    entries = [
        RegistryFile("demo", file, len(body), hashlib.sha256(body).hexdigest(), f"{address}/public/{file}", "", "")
        for file, body in contents.items()
    ]
    monkeypatch.setattr("reconbench.datasets.registry.registry", lambda: {"demo": entries})


def write(folder, contents=CONTENTS):
    for file, body in contents.items():
        path = folder / "demo" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def run(folder, **options):
    return fetch("demo", folder / "demo" / "files", folder / ".partial" / "demo", **options)


def assert_all_there(folder):
    found = {
        path.relative_to(folder / "demo" / "files").as_posix(): path
        for path in (folder / "demo" / "files").rglob("*.png")
    }
    assert {file: path.read_bytes() for file, path in found.items()} == CONTENTS
    assert not (folder / ".partial" / "demo").exists()


def assert_nothing_there(folder, *verified):
    assert not (folder / "demo").exists()
    partial = folder / ".partial"
    assert [path.name for path in partial.rglob("*") if path.is_file()] == list(verified)


def test_a_mirror_folder_gives_all_files_and_nothing_else_is_asked(demo, tmp_path):
    files = run(tmp_path, mirror=str(write(tmp_path / "mirror")))
    assert files == [tmp_path / "demo" / "files" / "one.png", tmp_path / "demo" / "files" / "sub" / "two.png"]
    assert_all_there(tmp_path)
    assert demo.asked == []


def test_a_mirror_address_gives_all_files_and_nothing_else_is_asked(demo, tmp_path):
    for file, body in CONTENTS.items():
        demo.serve(f"/here/demo/{file}", body)
    run(tmp_path, mirror=f"{demo.address}/here/")
    assert_all_there(tmp_path)
    assert demo.asked == ["/here/demo/one.png", "/here/demo/sub/two.png"]


def test_without_a_mirror_the_registered_address_is_asked(demo, tmp_path):
    for file, body in CONTENTS.items():
        demo.serve(f"/public/{file}", body)
    run(tmp_path)
    assert_all_there(tmp_path)


def test_what_is_there_is_not_fetched_again(demo, tmp_path):
    write(tmp_path / "mirror")
    run(tmp_path, mirror=str(tmp_path / "mirror"))
    run(tmp_path, offline=True)
    assert_all_there(tmp_path)


def test_an_altered_file_is_fetched_again(demo, tmp_path):
    write(tmp_path / "mirror")
    run(tmp_path, mirror=str(tmp_path / "mirror"))
    (tmp_path / "demo" / "files" / "one.png").write_bytes(b"altered")
    run(tmp_path, mirror=str(tmp_path / "mirror"))
    assert_all_there(tmp_path)


def test_verified_files_survive_an_interruption(demo, tmp_path):
    demo.serve("/public/one.png", CONTENTS["one.png"])
    with pytest.raises(UserError, match="two.png"):
        run(tmp_path)
    demo.asked.clear()
    demo.serve("/public/sub/two.png", CONTENTS["sub/two.png"])
    run(tmp_path)
    assert_all_there(tmp_path)
    assert demo.asked == ["/public/sub/two.png"]


def test_a_busy_server_is_asked_again(demo, tmp_path):
    demo.serve("/public/one.png", CONTENTS["one.png"])
    demo.serve("/public/sub/two.png", CONTENTS["sub/two.png"], status=[503, 503, 200])
    run(tmp_path)
    assert_all_there(tmp_path)
    assert len(demo.asked) == 4


def test_a_zip_file_is_unpacked_beside_itself(monkeypatch, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.txt", "contents")
    contents = {"fields/cell.zip": buffer.getvalue()}
    register(monkeypatch, "http://nowhere.invalid", contents)
    run(tmp_path, mirror=str(write(tmp_path / "mirror", contents)))
    assert (tmp_path / "demo" / "files" / "fields" / "cell" / "inside.txt").read_text() == "contents"
    assert (tmp_path / "demo" / "files" / "fields" / "cell.zip").is_file()


def test_a_zip_file_with_a_member_outside_is_refused(monkeypatch, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.txt", "contents")
    contents = {"cell.zip": buffer.getvalue()}
    register(monkeypatch, "http://nowhere.invalid", contents)
    with pytest.raises(UserError, match="'../../evil.txt' would land outside"):
        run(tmp_path, mirror=str(write(tmp_path / "mirror", contents)))
    assert not list(tmp_path.rglob("evil.txt"))


# What goes wrong: one sentence each, and no file that is not the registered one is left behind.


@pytest.mark.parametrize("place", ["folder", "address"])
def test_a_wrong_checksum_is_refused_and_deleted(demo, tmp_path, place):
    wrong = CONTENTS["one.png"].replace(b"f", b"F")
    write(tmp_path / "mirror", {"one.png": wrong})
    demo.serve("/demo/one.png", wrong)
    mirror = demo.address if place == "address" else str(tmp_path / "mirror")
    with pytest.raises(UserError, match="one.png of 'demo' was refused and deleted, .* has another checksum"):
        run(tmp_path, mirror=mirror)
    assert_nothing_there(tmp_path)


@pytest.mark.parametrize("place", ["folder", "address"])
def test_a_cut_off_file_is_refused_and_deleted(demo, tmp_path, place):
    cut = CONTENTS["one.png"][:1234]
    write(tmp_path / "mirror", {"one.png": cut})
    demo.serve("/demo/one.png", cut)
    mirror = demo.address if place == "address" else str(tmp_path / "mirror")
    with pytest.raises(UserError, match="one.png of 'demo' was refused and deleted, .* cut off after 1234 of 5000"):
        run(tmp_path, mirror=mirror)
    assert_nothing_there(tmp_path)


def test_a_transfer_that_breaks_off_is_named(demo, tmp_path):
    demo.serve("/public/one.png", CONTENTS["one.png"][:1234], announced=5000)
    with pytest.raises(UserError, match="one.png of 'demo' was not fetched, because the transfer from .* failed"):
        run(tmp_path)
    assert_nothing_there(tmp_path)
    assert len(demo.asked) == fetching.RETRIES + 1


def test_a_file_that_the_address_does_not_have_is_named_at_once(demo, tmp_path):
    demo.serve("/public/one.png", CONTENTS["one.png"])
    with pytest.raises(UserError, match="sub/two.png of 'demo' was not fetched, because .* answered: 404"):
        run(tmp_path)
    assert_nothing_there(tmp_path, "one.png")
    assert demo.asked.count("/public/sub/two.png") == 1


def test_no_network_is_one_sentence(monkeypatch, server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        register(monkeypatch, f"http://127.0.0.1:{unused.getsockname()[1]}", CONTENTS)
        with pytest.raises(UserError, match="one.png of 'demo' was not fetched, because http://.* does not answer"):
            run(tmp_path)


def test_a_server_that_stays_silent_is_named(monkeypatch, server, tmp_path):
    monkeypatch.setattr(fetching, "RETRIES", 0)
    monkeypatch.setattr(fetching, "SECONDS_WITHOUT_ANSWER", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        register(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}", CONTENTS)
        with pytest.raises(UserError, match="one.png of 'demo' was not fetched, because .* gave no answer in time"):
            run(tmp_path)


def test_a_mirror_folder_that_is_absent_is_named(demo, tmp_path):
    with pytest.raises(UserError, match="the mirror .*nowhere is not a folder: one.png of 'demo'"):
        run(tmp_path, mirror=str(tmp_path / "nowhere"))


def test_a_file_missing_in_the_mirror_is_named_and_the_public_address_is_not_asked(demo, tmp_path):
    demo.serve("/public/sub/two.png", CONTENTS["sub/two.png"])
    write(tmp_path / "mirror", {"one.png": CONTENTS["one.png"]})
    with pytest.raises(UserError, match="sub/two.png of 'demo' is missing in the mirror: there is no "):
        run(tmp_path, mirror=str(tmp_path / "mirror"))
    assert demo.asked == []


@pytest.mark.parametrize("with_mirror", [True, False])
def test_offline_refuses_all_and_says_what_is_missing_and_how_large_it_is(demo, tmp_path, with_mirror):
    mirror = str(write(tmp_path / "mirror")) if with_mirror else None
    expected = r"offline is set, and 2 files of the dataset 'demo' \(0.0 MB\) are missing: one.png, sub/two.png"
    with pytest.raises(UserError, match=expected):
        run(tmp_path, mirror=mirror, offline=True)
    assert demo.asked == []


def test_a_dataset_that_is_not_registered_gets_the_nearest_name(tmp_path):
    with pytest.raises(UserError, match="no dataset 'em_sem_claen'; the nearest name is 'em_sem_clean'"):
        fetch("em_sem_claen", tmp_path / "files", tmp_path / "partial")


# The registry itself.


def test_the_registry_is_complete_and_fixed():
    assert {name: len(files) for name, files in registry().items()} == {
        "ssi_benchmark_2d": 22,
        "em_sem_clean": 1,
        "em_tem_lowdose": 22,
        "em_stem_atomic": 4,
        "fluor2d_dsb2018": 79,
        "fluor2d_misc": 5,
        "fluor3d_deconv": 6,
        "natural_cid22_512": 64,
        "natural_kodak": 10,
        "phase_throughfocus_cell": 13,
        "phase_complex_fields": 2,
        "film_big_buck_bunny": 1,
        "diffuse_lensless_pairs": 10,
        "diffuse_diffusercam": 2,
    }
    for entry in (entry for files in registry().values() for entry in files):
        assert entry.bytes > 0
        assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert re.match(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/", entry.url), entry.url
        assert entry.licence
        assert entry.citation
        assert ".." not in Path(entry.file).parts
        assert not Path(entry.file).is_absolute()


def test_the_documentation_lists_the_registry():
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for name, files in registry().items():
        size = sum(entry.bytes for entry in files) / 1e6
        assert f"| `{name}` | {len(files)} | {size:.1f} |" in text


@pytest.mark.parametrize("dataset", ["em_sem_clean", "em_tem_lowdose", "film_big_buck_bunny", "diffuse_lensless_pairs"])
def test_real_data_come_from_the_mirror(tmp_path, dataset):
    mirror = os.environ.get("RECONBENCH_MIRROR")
    if not mirror:
        pytest.skip("RECONBENCH_MIRROR is not set, which names a folder or an address with the registry's files")
    files = fetch(dataset, tmp_path / "files", tmp_path / "partial", mirror=mirror)
    assert [sha256_of(file) for file in files] == [entry.sha256 for entry in registered_files(dataset)]
