package android.content.res;

/** What the generated classes are compiled against; the device has the real one. */
public class AssetFileDescriptor implements java.io.Closeable {
    /** The file that holds the asset. */
    public java.io.FileDescriptor getFileDescriptor() {
        return null;
    }

    /** Where it begins there. */
    public long getStartOffset() {
        return 0;
    }

    /** How long it is. */
    public long getLength() {
        return 0;
    }

    @Override
    public void close() throws java.io.IOException {}
}
