package android.content;

/** What the generated classes are compiled against; the device has the real one. */
public abstract class Context {
    /** The app's assets. */
    public abstract android.content.res.AssetManager getAssets();
}
