#include "m4dl/base/simd.hpp"

#include <cstdlib>
#include <string>

namespace m4dl::simd {
namespace {

Level detect() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    Level best = Level::kBaseline;
    if (__builtin_cpu_supports("avx2")) best = Level::kAvx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        best = Level::kAvx512;
    const char* wish = std::getenv("M4DL_ISA");
    if (wish && std::string(wish) == "baseline") best = Level::kBaseline;
    if (wish && std::string(wish) == "avx2" && best == Level::kAvx512) best = Level::kAvx2;
    return best;
#else
    return Level::kBaseline;
#endif
}

}  // namespace

Level level() {
    static const Level chosen = detect();
    return chosen;
}

const char* level_name() {
    switch (level()) {
        case Level::kAvx512: return "avx512";
        case Level::kAvx2: return "avx2";
        default: return "baseline";
    }
}

}  // namespace m4dl::simd
