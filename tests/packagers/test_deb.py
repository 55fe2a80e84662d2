"""Archives of a Linux bundle: read back by the programs that users have."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgebuild import packagers
from edgebuild.codegen.environment import render
from edgebuild.packagers import Bundle, BundleFile, Product

BUNDLE = Bundle(
    command="net-one",
    version="1.0+abcdef01",
    architecture="arm64",
    depends=("libc6 (>= 2.34)", "libgcc-s1"),
    summary="the model net_one",
    program="bin/net-one",
    files=(
        BundleFile("bin/net-one", b"#!/bin/sh\necho hello\n", executable=True),
        BundleFile("net_one.tflite", bytes(range(256)) * 5),
        BundleFile("systemd/net-one.socket", b"[Socket]\n"),
    ),
)


def product(bundle: Bundle = BUNDLE) -> Product:
    interface = SimpleNamespace(name="net_one")
    profile = SimpleNamespace(name="rpi4")
    return Product(
        profile=profile,  # type: ignore[arg-type]
        interface=interface,  # type: ignore[arg-type]
        sources=None,  # type: ignore[arg-type]
        tflite=b"",
        example=(),
        image=None,  # type: ignore[arg-type]
        render=render,
        texts={},
        bundle=bundle,
    )


def said(*words: object) -> str:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout


def test_dpkg_reads_the_package(tmp_path: Path) -> None:
    (file,) = packagers.find("deb").pack(product())
    assert file.path == "net-one_1.0+abcdef01_arm64.deb"
    path = tmp_path / file.path
    path.write_bytes(file.content)
    fields = said("dpkg-deb", "--field", path, "Package", "Architecture", "Depends", "Installed-Size")
    assert fields == "Package: net-one\nArchitecture: arm64\nDepends: libc6 (>= 2.34), libgcc-s1\nInstalled-Size: 5\n"
    listed = [line.split(maxsplit=5) for line in said("dpkg-deb", "--contents", path).splitlines()]
    assert all(words[1] == "root/root" and words[3] == "1970-01-01" for words in listed)
    names = {words[5]: words[0] for words in listed}
    assert names["./opt/net-one/bin/net-one"] == "-rwxr-xr-x"
    assert names["./opt/net-one/net_one.tflite"] == "-rw-r--r--"
    assert "./usr/lib/systemd/system/net-one.socket" in names
    assert names["./usr/bin/net-one -> /opt/net-one/bin/net-one"] == "lrwxrwxrwx"
    said("dpkg-deb", "--raw-extract", path, tmp_path / "raw")
    for script in ("postinst", "prerm", "postrm"):
        said("sh", "-n", tmp_path / "raw/DEBIAN" / script)
    said("sh", "-c", f"cd {tmp_path}/raw && md5sum --check --quiet DEBIAN/md5sums")
    assert (tmp_path / "raw/opt/net-one/net_one.tflite").read_bytes() == BUNDLE.files[1].content


def test_tar_reads_the_bundle(tmp_path: Path) -> None:
    (file,) = packagers.find("rpi_bundle").pack(product())
    assert file.path == "net-one-rpi4.tar.gz"
    (tmp_path / file.path).write_bytes(file.content)
    assert said("tar", "--list", "--gzip", "--file", tmp_path / file.path).splitlines() == [
        "net-one-rpi4/",
        "net-one-rpi4/bin/",
        "net-one-rpi4/bin/net-one",
        "net-one-rpi4/net_one.tflite",
        "net-one-rpi4/systemd/",
        "net-one-rpi4/systemd/net-one.socket",
    ]


@pytest.mark.parametrize("name", ["deb", "rpi_bundle"])
def test_the_same_bytes_whatever_the_order_and_the_clock(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = packagers.find(name).pack(product())
    (second,) = packagers.find(name).pack(product(replace(BUNDLE, files=BUNDLE.files[::-1])))
    assert first == second
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    (dated,) = packagers.find(name).pack(product())
    assert dated.content != first.content


def test_only_for_linux() -> None:
    assert packagers.find("deb").families == packagers.find("rpi_bundle").families == ("linux",)
