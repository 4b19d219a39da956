"""Zip archives: what is inside stays inside."""

import stat
import zipfile

import pytest

from reconbench.datasets.archives import extract_zip
from reconbench.errors import UserError


def make_zip(path, *members):
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, b"contents")
    return path


def test_members_are_unpacked_with_their_folders(tmp_path):
    archive = make_zip(tmp_path / "a.zip", "one.txt", "sub/two.txt")
    written = extract_zip(archive, tmp_path / "a")
    assert [path.relative_to(tmp_path).as_posix() for path in written] == ["a/one.txt", "a/sub/two.txt"]
    assert written[1].read_bytes() == b"contents"


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "sub/../../evil.txt", "/evil.txt", "C:\\evil.txt", "C:evil.txt", "..\\evil.txt", "\\evil"],
)
def test_a_member_outside_its_folder_is_refused_before_anything_is_written(tmp_path, name):
    archive = make_zip(tmp_path / "bad.zip", "good.txt", name)
    with pytest.raises(UserError, match="bad.zip is refused: its member .*evil.* would land outside its folder"):
        extract_zip(archive, tmp_path / "bad")
    assert [path.name for path in tmp_path.rglob("*")] == ["bad.zip"]


def test_a_symbolic_link_is_refused(tmp_path):
    archive = tmp_path / "link.zip"
    with zipfile.ZipFile(archive, "w") as file:
        member = zipfile.ZipInfo("link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(member, "/etc")
    with pytest.raises(UserError, match="link.zip is refused: its member 'link' is a symbolic link"):
        extract_zip(archive, tmp_path / "link")
    assert not (tmp_path / "link").exists()


def test_a_damaged_archive_is_named(tmp_path):
    archive = make_zip(tmp_path / "cut.zip", "one.txt")
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(UserError, match="cut.zip is not a readable zip file"):
        extract_zip(archive, tmp_path / "cut")
