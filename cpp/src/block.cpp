#include "m4dl/base/block.hpp"

#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace m4dl {

void advise_large_pages(void* data, std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    // Whole pages inside the field; one of 2 MiB fits for sure from twice that on. Advice may be
    // ignored, and so may be whether it was.
    constexpr std::uintptr_t kPage = 1 << 12, kWorthwhile = 1 << 22;
    if (bytes < kWorthwhile) return;
    const auto begin = (reinterpret_cast<std::uintptr_t>(data) + kPage - 1) & ~(kPage - 1);
    const auto end = (reinterpret_cast<std::uintptr_t>(data) + bytes) & ~(kPage - 1);
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
    (void)data;
    (void)bytes;
#endif
}

}  // namespace m4dl
