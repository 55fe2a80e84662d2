"""Downloads: what is not the file that was pinned is an error, and is not kept."""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from edgebuild.errors import ToolError
from edgebuild.pipeline import archive, fetch

WANTED = fetch.Debian("arm64", ("linux-image-arm64/", "libc6"), r"(boot|lib)/")


def unheard(fraction: float, text: str) -> None:
    assert 0 <= fraction <= 1 and text


def deb(files: dict[str, bytes], kind: str = "xz") -> bytes:
    """A Debian package as far as it is read here."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=f"w:{kind}") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            entry.mode = 0o6777 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("./lib/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/lib/there"
        tar.addfile(link)
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", f"data.tar.{kind}": made.getvalue()}
    parts = []
    for name, content in members.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{0o100644:<8o}{len(content):<10}`\n"
        parts.append(head.encode() + content + b"\n" * (len(content) % 2))
    return b"!<arch>\n" + b"".join(parts)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt that serves the files of this folder, and lists them with the hash in ``NAME.sha256``."""
    folder, programs = tmp_path / "mirror", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    fake = f"""#!{sys.executable}
import os, pathlib, shutil, sys
mirror, names = pathlib.Path({str(folder)!r}), [w for w in sys.argv[1:] if not w.startswith("-")]
assert 'APT::Architecture "arm64"' in open(os.environ["APT_CONFIG"]).read()
if pathlib.Path(sys.argv[0]).name == "apt-cache":
    print("linux-image-arm64\\n  Depends: linux-image-6.1.0-1-arm64")
elif "--print-uris" in sys.argv:
    for name in names[1:]:
        file = next(mirror.glob(name + "_*.deb"), None)
        if file is None:
            sys.exit("E: Unable to locate package " + name)
        sha256 = file.with_suffix(".sha256").read_text()
        print(f"'somewhere/{{file.name}}' {{file.name}} {{file.stat().st_size}} SHA256:{{sha256}}")
elif "download" in sys.argv:
    for name in names[1:]:
        shutil.copy(next(mirror.glob(name + "_*.deb")), ".")
"""
    for name in ("apt-get", "apt-cache"):
        (programs / name).write_text(fake)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    for name, files in {
        "linux-image-6.1.0-1-arm64_6.1_arm64": {"boot/vmlinuz-6.1": b"linux", "usr/share/doc": b"no"},
        "libc6_1%3a2.36_arm64": {"lib/libc.so.6": b"libc"},
    }.items():
        content = deb(files)
        (folder / f"{name}.deb").write_bytes(content)
        (folder / f"{name}.sha256").write_text(hashlib.sha256(content).hexdigest())
    return folder


def kept(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "cache/downloads").iterdir())


def test_packages_are_unpacked_and_kept(mirror: Path, tmp_path: Path) -> None:
    folder, hit = fetch.debian(WANTED, unheard)
    assert not hit
    root = folder / "root"
    found = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_symlink() or not p.is_dir())
    assert found == ["boot/vmlinuz-6.1", "lib/libc.so.6", "lib/link"]
    assert (folder / "root/lib/link").readlink() == Path("/lib/there")
    assert fetch.versions(folder) == {"linux-image-6.1.0-1-arm64": "6.1", "libc6": "1:2.36"}
    for file in mirror.iterdir():
        file.unlink()
    assert fetch.debian(WANTED, unheard) == (folder, True)
    assert sorted(p.name for p in (tmp_path / "cache/apt").iterdir()) == []


def test_a_package_that_is_not_the_one_listed(mirror: Path, tmp_path: Path) -> None:
    next(mirror.glob("libc6*.sha256")).write_text("0" * 64)
    with pytest.raises(ToolError) as refused:
        fetch.debian(WANTED, unheard)
    assert re.fullmatch(r"libc6_1%3a2.36_arm64.deb", refused.value.place)
    assert refused.value.rule.startswith("was downloaded with sha256 ")
    assert refused.value.rule.endswith(f", expected {'0' * 64}")
    assert "hands out another file" in refused.value.remedy and kept(tmp_path) == []


def test_a_package_that_is_no_package(mirror: Path, tmp_path: Path) -> None:
    file = next(mirror.glob("libc6*.deb"))
    file.write_bytes(b"<html>sign in to this hotel's network</html>")
    next(mirror.glob("libc6*.sha256")).write_text(hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(ToolError, match="is not a Debian package"):
        fetch.debian(WANTED, unheard)
    assert kept(tmp_path) == []


def test_a_package_that_nobody_has(mirror: Path, tmp_path: Path) -> None:
    next(mirror.glob("libc6*.deb")).unlink()
    with pytest.raises(ToolError) as refused:
        fetch.debian(WANTED, unheard)
    assert refused.value.place == "apt-get"
    assert refused.value.rule == "does not find libc6 (architecture arm64)"
    assert "later builds need no network" in refused.value.remedy and kept(tmp_path) == []


WHEEL = fetch.Wheel("nothing==1.0", "311", ("manylinux_2_27_aarch64",), "0" * 64)


def test_a_wheel_that_is_not_the_one_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho other > nothing-1.0-cp311-cp311-any.whl\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(ToolError, match=f"expected {'0' * 64}"):
        fetch.wheel(WHEEL, unheard)
    assert kept(tmp_path) == []


def test_a_wheel_that_pip_does_not_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho ERROR: no matching distribution >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(ToolError) as refused:
        fetch.wheel(WHEEL, unheard)
    assert str(refused.value) == (
        "pip: cannot download nothing==1.0 for manylinux_2_27_aarch64\n"
        "  ERROR: no matching distribution\n"
        "  remedy: connect this machine to its package index once; later builds need no network"
    )
    assert kept(tmp_path) == []


def test_a_wheel_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr("pkg/lib.so", "lib")
        made.writestr("pkg-1.dist-info/licenses/LICENSE", "free")
    (tmp_path / "served").write_bytes(content.getvalue())
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\ncp {tmp_path}/served nothing-1.0-cp311-cp311-any.whl\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    wanted = fetch.Wheel(WHEEL.requirement, "311", WHEEL.platforms, hashlib.sha256(content.getvalue()).hexdigest())
    path, hit = fetch.wheel(wanted, unheard)
    assert not hit and fetch.wheel(wanted, unheard) == (path, True)
    assert archive.read_wheel(path, "pkg/lib.so") == b"lib"
    assert archive.read_first(path, re.compile(r"[^/]+\.dist-info/licenses/LICENSE$")) == b"free"
    archive.unpack_wheel(path, tmp_path / "out", re.compile(r"pkg/"))
    assert [p.name for p in (tmp_path / "out/pkg").iterdir()] == ["lib.so"] and len(
        list((tmp_path / "out").iterdir())
    ) == 1


def test_zstd_is_said_to_be_unknown(tmp_path: Path) -> None:
    content = deb({}).replace(b"data.tar.xz     ", b"data.tar.zst    ")
    (tmp_path / "x.deb").write_bytes(content)
    with pytest.raises(ToolError, match="compressed with zstd"):
        archive.unpack_deb(tmp_path / "x.deb", tmp_path, re.compile(""))


@pytest.mark.parametrize("name", ["../outside", "lib/../../outside", "lib/link/outside"])
def test_nothing_is_written_beside_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.deb").write_bytes(deb({name: b"!"}))
    folder = tmp_path / "in"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/link").symlink_to(tmp_path)
    with pytest.raises(ToolError, match="would lie outside of its folder"):
        archive.unpack_deb(tmp_path / "x.deb", folder, re.compile(""))
    assert not (tmp_path / "outside").exists()


def test_rights_are_those_of_files_of_our_own(tmp_path: Path) -> None:
    made = deb({"bin/tool": b"x"})
    (tmp_path / "x.deb").write_bytes(made)
    archive.unpack_deb(tmp_path / "x.deb", tmp_path / "in", re.compile("bin/"))
    assert (tmp_path / "in/bin/tool").stat().st_mode & 0o7777 == 0o755
