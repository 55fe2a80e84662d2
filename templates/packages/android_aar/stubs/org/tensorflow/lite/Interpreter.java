package org.tensorflow.lite;

/** What the generated classes are compiled against; the LiteRT library has the real one. */
public final class Interpreter implements AutoCloseable {
    /** An interpreter of a model file in memory. */
    public Interpreter(java.nio.ByteBuffer model) {}

    /** One inference. */
    public void runForMultipleInputsOutputs(Object[] inputs, java.util.Map<Integer, Object> outputs) {}

    /** Gives the memory back. */
    @Override
    public void close() {}
}
