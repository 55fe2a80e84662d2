package com.example.keyword

import android.app.Activity
import android.os.Bundle
import android.widget.TextView
import edgebuild.model.Model

/** Feeds the model one input of zeros and shows the largest output. */
class MainActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val text = TextView(this)
        Model.open(this).use { model -> text.text = classify(model) }
        setContentView(text)
    }

    private fun classify(model: Model): String {
        val input = Model.newInput()
        val output = Model.newOutput()
        // An int8 model: what the sensor says, as the input tensor stores it.
        val tensor = Model.inputs()[0]
        while (input.hasRemaining()) {
            input.put(tensor.quantize(0.0f).toByte())
        }
        input.rewind()

        model.invoke(input, output)

        val answer = Model.outputs()[0]
        val best = (0 until answer.bytes).maxByOrNull { output.get(it) } ?: 0
        val name = Model.labels().getOrElse(best) { "class $best" }
        return "$name: ${answer.dequantize(output.get(best).toInt())}"
    }
}
