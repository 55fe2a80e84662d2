/* The two functions of the Java Native Interface that are called here, at their places in its function table
 * (Java Native Interface Specification, chapter 4: indices 230 and 231), so that no jni.h is needed.
 */
#ifndef EDGEBUILD_JNI_TABLE_H
#define EDGEBUILD_JNI_TABLE_H

#include <stdint.h>

typedef const struct jni_table *jni_environment;

struct jni_table {
    void *others[230];
    void *(*GetDirectBufferAddress)(jni_environment *environment, void *buffer);
    int64_t (*GetDirectBufferCapacity)(jni_environment *environment, void *buffer);
};

#endif
