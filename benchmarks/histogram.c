/* A QEMU plugin that says how often each instruction of one inference was executed, and how often a branch was taken.

   Arguments: marks=FILE and out=FILE.  The marks file holds two addresses in hexadecimal, one a line: the first
   instruction of the model, and the one it returns to.  When the first inference has ended, the out file holds a line
   for each translation block that was executed: how often, how often its end did not fall through to the next
   instruction, and the addresses of its instructions in hexadecimal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

EXPORTED int qemu_plugin_version = PLUGIN_API;

struct block {
    struct block *next;
    uint64_t executed;
    uint64_t taken;
    uint64_t begin;
    uint64_t end;
    size_t length;
    uint64_t addresses[];
};

enum state { WAITING, RUNNING, DONE };

static enum state state = WAITING;
static uint64_t first, returned;
static const char *out_path;
static struct block *blocks;
static struct block *previous;

static void write_blocks(void)
{
    FILE *out = fopen(out_path, "w");
    if (out == NULL) {
        return;
    }
    for (const struct block *block = blocks; block != NULL; block = block->next) {
        if (block->executed != 0u) {
            fprintf(out, "%" PRIu64 " %" PRIu64, block->executed, block->taken);
            for (size_t i = 0; i < block->length; i++) {
                fprintf(out, " %" PRIx64, block->addresses[i]);
            }
            fputc('\n', out);
        }
    }
    fclose(out);
}

/* Both marks are where a call or a return arrives, so blocks begin there. */
static void on_block(unsigned int cpu, void *data)
{
    (void)cpu;
    struct block *block = data;
    if (state == WAITING && block->begin == first) {
        state = RUNNING;
    }
    if (state != RUNNING) {
        return;
    }
    if (previous != NULL && previous->end != block->begin) {
        previous->taken++;
    }
    if (block->begin == returned) {
        state = DONE;
        write_blocks();
        return;
    }
    block->executed++;
    previous = block;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    const size_t length = qemu_plugin_tb_n_insns(tb);
    struct block *block = calloc(1, sizeof *block + length * sizeof block->addresses[0]);
    if (block == NULL || state == DONE) {
        free(block);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        block->addresses[i] = qemu_plugin_insn_vaddr(insn);
        block->end = block->addresses[i] + qemu_plugin_insn_size(insn);
    }
    block->begin = block->addresses[0];
    block->length = length;
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    const char *marks_path = NULL;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "marks=", 6) == 0) {
            marks_path = argv[i] + 6;
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = strdup(argv[i] + 4);
        }
    }
    FILE *marks = marks_path != NULL ? fopen(marks_path, "r") : NULL;
    const int read = marks != NULL ? fscanf(marks, "%" SCNx64 " %" SCNx64, &first, &returned) : 0;
    if (marks != NULL) {
        fclose(marks);
    }
    if (read != 2 || out_path == NULL) {
        fputs("histogram: needs marks=FILE with two addresses, and out=FILE\n", stderr);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
