/* The first and only process of the emulated Linux system: runs one command, hands back its files, switches off.

   /edgebuild/command holds the command's words, each ended by a zero byte; it runs in /job.  Whatever lies in
   /job/out afterwards goes over the console, and so does how the command ended and the most memory it took.
   Lines on the console that are ours begin with "@eb ":

       @eb file NAME BYTES SUM        then the content as base64, a line at a time
       @eb memory KIB                 that the kernel has left for programs
       @eb done STATUS SIGNAL PEAK    peak resident set in KiB */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define MOST_WORDS 64
#define BYTES_A_LINE 57

static void mount_system(void)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mkdir("/tmp", 01777);
    mkdir("/run", 0755);
    mkdir("/job/out", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
}

static char *read_command(char **words)
{
    static char text[8192];
    const int file = open("/edgebuild/command", O_RDONLY);
    const ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length <= 0) {
        return NULL;
    }
    close(file);
    int count = 0;
    for (char *word = text; word < text + length && count < MOST_WORDS - 1; word += strlen(word) + 1) {
        words[count++] = word;
    }
    words[count] = NULL;
    return words[0];
}

static void run(char **words)
{
    const int out = open("/job/out/stdout", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const int err = open("/job/out/stderr", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(out, 1);
    dup2(err, 2);
    chdir("/job");
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    execvp(words[0], words);
    perror(words[0]);
    _exit(127);
}

static void send(const char *name)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char path[512];
    snprintf(path, sizeof path, "/job/out/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return;
    }
    uint32_t sum = 1;
    long bytes = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        sum = sum * 31u + (uint32_t)c;
        bytes++;
    }
    rewind(file);
    printf("@eb file %s %ld %lu\n", name, bytes, (unsigned long)sum);
    unsigned char part[BYTES_A_LINE];
    for (size_t count; (count = fread(part, 1, sizeof part, file)) > 0;) {
        char line[BYTES_A_LINE / 3 * 4 + 2];
        size_t at = 0;
        for (size_t i = 0; i < count; i += 3) {
            const unsigned b1 = i + 1 < count ? part[i + 1] : 0u;
            const unsigned b2 = i + 2 < count ? part[i + 2] : 0u;
            const unsigned word = (unsigned)part[i] << 16 | b1 << 8 | b2;
            line[at++] = digits[word >> 18];
            line[at++] = digits[word >> 12 & 63u];
            line[at++] = i + 1 < count ? digits[word >> 6 & 63u] : '=';
            line[at++] = i + 2 < count ? digits[word & 63u] : '=';
        }
        line[at++] = '\n';
        fwrite(line, 1, at, stdout);
    }
    fclose(file);
}

static void send_all(void)
{
    struct dirent **entries;
    const int count = scandir("/job/out", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            send(entries[i]->d_name);
        }
    }
}

int main(void)
{
    char *words[MOST_WORDS];
    mount_system();
    struct sysinfo info;
    sysinfo(&info);
    printf("\n@eb memory %lu\n", (unsigned long)(info.totalram / 1024u * info.mem_unit));
    fflush(stdout);
    int status = 127 << 8;
    struct rusage usage = {0};
    if (read_command(words) != NULL) {
        const pid_t child = fork();
        if (child == 0) {
            run(words);
        }
        wait4(child, &status, 0, &usage);
    }
    send_all();
    printf(
        "@eb done %d %d %ld\n",
        WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        usage.ru_maxrss);
    fflush(stdout);
    tcdrain(1);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
