"""A demo app for Android, to put on a device and look at."""

from __future__ import annotations

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Packager, Product


class AndroidApk(Packager):
    """``android_apk/<name>-demo.apk``: runs the test vectors and shows the result; needs the Android SDK."""

    families = ("android",)
    needs_app = True

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        assert product.android is not None and product.android.app is not None
        return (SourceFile(f"android_apk/{product.name}-demo.apk", product.android.app),)
