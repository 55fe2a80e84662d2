"""The Gradle sample names what edgebuild writes; Gradle itself is not here."""

from __future__ import annotations

from pathlib import Path

from edgebuild.codegen.android import Binding
from edgebuild.packagers.android_aar import GROUP, VERSION

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "android-gradle"


def test_the_sample_names_what_edgebuild_writes() -> None:
    assert 'uri("build/android/android_aar/maven")' in (SAMPLE / "settings.gradle.kts").read_text()
    assert f'implementation("{GROUP}:model:{VERSION}")' in (SAMPLE / "app/build.gradle.kts").read_text()
    activity = (SAMPLE / "app/src/main/kotlin/com/example/keyword/MainActivity.kt").read_text()
    assert f"import {Binding.of('model').package}.Model\n" in activity
