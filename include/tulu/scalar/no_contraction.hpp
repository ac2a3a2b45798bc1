#pragma once

// Between TULU_NO_CONTRACTION_BEGIN and TULU_NO_CONTRACTION_END a product and a sum are rounded one after the other,
// also where the processor could do both at once: encoded bytes must not depend on the compiler's flags.
// Flags that overrule pragmas are out of its reach: clang's -ffp-contract=fast, and -ffast-math.
#if defined(__clang__)
#define TULU_NO_CONTRACTION_BEGIN _Pragma("float_control(push)") _Pragma("clang fp contract(off)")
#define TULU_NO_CONTRACTION_END _Pragma("float_control(pop)")
#elif defined(__GNUC__)
#define TULU_NO_CONTRACTION_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize(\"fp-contract=off\")")
#define TULU_NO_CONTRACTION_END _Pragma("GCC pop_options")
#else
#define TULU_NO_CONTRACTION_BEGIN
#define TULU_NO_CONTRACTION_END
#endif
