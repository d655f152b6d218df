/* The devices of the simulated system, as firmware sees them. */

#ifndef QC_SYSTEM_H
#define QC_SYSTEM_H

#include <stdint.h>

#define QC_EXCHANGE ((volatile uint8_t *)0x20000000u) /* inputs and outputs, 64 MB */
#define QC_EXCHANGE_DATA __attribute__((section(".exchange"))) /* a variable in it */

#define QC_DEVICE(offset) (*(volatile uint32_t *)(0x30000000u + (offset)))

/* Record `id` (a constant, 0..2047) with the counters of cycles, instructions, loads and stores.
 * Always these three instructions: two markers with nothing between are 3 cycles, 3 instructions and
 * 1 store apart, which `Run.intervals` takes off. */
#define QC_MARK(id)                                                                                 \
    __asm__ volatile(".option push\n\t.option norvc\n\t"                                            \
                     "lui t0, 0x30000\n\tli t1, %0\n\tsw t1, 0(t0)\n\t"                             \
                     ".option pop" : : "i"(id) : "t0", "t1", "memory")

static inline void qc_exit(uint32_t code) { QC_DEVICE(4) = code; for (;;) ; }

static inline void qc_putchar(int c) { QC_DEVICE(8) = (uint32_t)c; }

static inline void qc_print(const char *text) { while (*text) qc_putchar(*text++); }

/* Raise the timer interrupt after `cycles`; 0 clears it (and, where the run asks for random
 * interrupts, starts the next interval). */
static inline void qc_timer(uint32_t cycles) { QC_DEVICE(12) = cycles; }

/* Let the timer interrupt enter qc_interrupt(), which the program defines; it must call qc_timer. */
static inline void qc_interrupts_on(void)
{
    __asm__ volatile("csrs mie, %0\n\tcsrsi mstatus, 8" : : "r"(1u << 7) : "memory");
}

static inline void qc_interrupts_off(void)
{
    __asm__ volatile("csrci mstatus, 8" : : : "memory");
}

#endif
