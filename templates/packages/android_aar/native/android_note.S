/* Tells the loader for which Android this was built; the NDK's start files bring the same note. */
    .section .note.android.ident, "a", %note
    .balign 4
    .long 8                             /* bytes of the name */
    .long 4                             /* bytes of the description */
    .long 1                             /* NT_VERSION */
    .asciz "Android"
    .long __ANDROID_MIN_SDK_VERSION__   /* the lowest API level it runs on */
    .section .note.GNU-stack, "", %progbits
