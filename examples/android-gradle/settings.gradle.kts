pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
        maven { url = uri("build/android/android_aar/maven") }
    }
}

rootProject.name = "edgebuild-sample"
include(":app")
