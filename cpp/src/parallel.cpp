#include "m4dl/base/parallel.hpp"

#include <algorithm>

#ifdef _OPENMP
#include <omp.h>
#endif
#include <unistd.h>

namespace m4dl {
namespace {

const pid_t kLoader = getpid();  // the process that loaded the library
thread_local int inside = 1;     // threads that one solve on this thread may use

}  // namespace

bool have_openmp() {
#ifdef _OPENMP
    return true;
#else
    return false;
#endif
}

int resolve_threads(int requested) {
#ifdef _OPENMP
    if (getpid() != kLoader) return 1;
    return requested > 0 ? requested : omp_get_max_threads();
#else
    (void)requested;
    return 1;
#endif
}

namespace detail {

void parallel_blocks(Index count, int threads, Threads where, void* context,
                     void (*body)(void*, Index)) {
    threads = resolve_threads(threads);
    if (where == Threads::kInsideBlocks && count < threads) {
        const int before = std::exchange(inside, threads);
        for (Index k = 0; k < count; ++k) body(context, k);
        inside = before;
        return;
    }
    threads = static_cast<int>(std::min<Index>(threads, count));
    if (threads <= 1) {
        for (Index k = 0; k < count; ++k) body(context, k);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (Index k = 0; k < count; ++k) body(context, k);
#endif
}

int threads_inside() { return inside; }

void parallel_ranges(Index count, void* context, void (*body)(void*, Index, Index)) {
#ifdef _OPENMP
    const Index pieces = std::min<Index>(inside, count);
#pragma omp parallel for schedule(static, 1) num_threads(static_cast<int>(pieces))
    for (Index k = 0; k < pieces; ++k) body(context, count * k / pieces, count * (k + 1) / pieces);
#else
    body(context, 0, count);
#endif
}

}  // namespace detail
}  // namespace m4dl
