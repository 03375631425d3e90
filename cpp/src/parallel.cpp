#include "m4dl/base/parallel.hpp"

#include <algorithm>

#ifdef _OPENMP
#include <omp.h>
#endif
#include <unistd.h>

namespace m4dl {
namespace {

const pid_t kLoader = getpid();  // the process that loaded the library

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

void parallel_blocks(Index count, int threads, void* context, void (*body)(void*, Index)) {
    threads = static_cast<int>(std::min<Index>(resolve_threads(threads), count));
    if (threads <= 1) {
        for (Index k = 0; k < count; ++k) body(context, k);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (Index k = 0; k < count; ++k) body(context, k);
#endif
}

}  // namespace detail
}  // namespace m4dl
