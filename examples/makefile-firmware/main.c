/* Feeds the model a ramp instead of a sensor, and says which output is largest. */
#include <stdint.h>

#include "net.h"

void say(const char *text); /* boot.c */
void stop(int failed);

static _Alignas(NET_ARENA_ALIGNMENT) uint8_t arena[NET_ARENA_BYTES];

static void say_number(unsigned number)
{
    char digits[12];
    char *at = &digits[sizeof digits - 1];
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10u);
        number /= 10u;
    } while (number != 0u);
    say(at);
}

int main(void)
{
    int8_t *input = net_input(arena);
    for (unsigned i = 0; i < NET_INPUT_ELEMENTS; i++) {
        input[i] = (int8_t)(i % 256u - 128u);
    }

    net_invoke(arena);

    const int8_t *output = net_output(arena);
    unsigned best = 0;
    for (unsigned i = 1; i < NET_OUTPUT_ELEMENTS; i++) {
        if (output[i] > output[best]) {
            best = i;
        }
    }
    say("largest output: ");
    say_number(best);
    say("\n");
    stop(0);
    return 0;
}
