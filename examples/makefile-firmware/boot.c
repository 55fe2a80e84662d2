/* Start-up code, and the debugger's console (Arm semihosting), which QEMU provides as well. */
#include <stdint.h>

int main(void);
void say(const char *text);
void stop(int failed);
void reset(void);

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;

static int debugger(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void say(const char *text)
{
    debugger(0x04, text);
}

void stop(int failed)
{
    const uint32_t reason[2] = {0x20026u, (uint32_t)failed}; /* application exit */
    debugger(0x20, reason);
    for (;;) {
    }
}

static void fault(void)
{
    say("fault\n");
    stop(1);
}

void reset(void)
{
    *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* CPACR: the floating-point unit on */
    __asm__ volatile("dsb\n isb" ::: "memory");
    const uint32_t *from = &data_load;
    for (uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &bss_start; to < &bss_end; to++) {
        *to = 0;
    }
    main();
    stop(1);
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler reset;
    handler faults[14];
} vectors = {
    &stack_top,
    reset,
    {fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
};
