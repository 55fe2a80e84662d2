package android.content.res;

/** What the generated classes are compiled against; the device has the real one. */
public final class AssetManager {
    /** An uncompressed asset. */
    public AssetFileDescriptor openFd(String name) throws java.io.IOException {
        throw new java.io.IOException(name);
    }
}
