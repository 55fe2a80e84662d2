"""An Android library with the model: a Java class, its native code for each ABI, and the model file."""

from __future__ import annotations

from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Packager, Product
from edgebuild.packagers._maven import Coordinates, repository
from edgebuild.packagers._zip import zipped

GROUP, VERSION = "edgebuild", "1.0"


class AndroidAar(Packager):
    """``android_aar/maven/``: the AAR in a file Maven repository, from which Gradle takes ``edgebuild:<name>:1.0``."""

    families = ("android",)

    def pack(self, product: Product) -> tuple[SourceFile, ...]:
        android = product.android
        assert android is not None
        coordinates = Coordinates(GROUP, product.name, VERSION)
        context = {"android": android, "coordinates": coordinates}
        files = {
            "AndroidManifest.xml": product.text("android_aar/AndroidManifest.xml.j2", **context),
            "META-INF/com/android/build/gradle/aar-metadata.properties": product.text(
                "android_aar/aar-metadata.properties"
            ),
            "R.txt": b"",
            "proguard.txt": product.text("android_aar/proguard.txt.j2", **context),
            "classes.jar": android.classes,
            f"assets/{product.name}.tflite": product.tflite,
            **{f"jni/{abi}/{android.file}": content for abi, content in android.natives.items()},
        }
        pom, metadata = (
            product.text(f"android_aar/maven/{name}.xml.j2", **context) for name in ("pom", "maven-metadata")
        )
        # the app maps the model file as it lies in the package, so it is not compressed there or here
        aar = zipped(files, stored=(".tflite", ".jar"))
        return (
            SourceFile("android_aar/README.md", product.text("android_aar/README.md.j2", **context)),
            *(
                SourceFile(f"android_aar/maven/{file.path}", file.content)
                for file in repository(coordinates, aar, pom, metadata)
            ),
        )
