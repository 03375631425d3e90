// The one parallel loop: over blocks of chains, or over the rows of a batch cut into blocks.
#pragma once

#include <exception>
#include <utility>

#include "m4dl/base/block.hpp"

namespace m4dl {

// 0 asks for what OpenMP would use now (so OMP_NUM_THREADS and threadpoolctl are obeyed). A forked
// child gets one thread: libgomp's pool does not survive a fork and would hang.
int resolve_threads(int requested);

bool have_openmp();

namespace detail {
void parallel_blocks(Index count, int threads, void* context, void (*body)(void*, Index));
}

// body(k) for k = 0..count-1, in any order, on up to `threads` threads. The first exception is
// rethrown on the calling thread after all have finished.
template <class Body>
void parallel_for(Index count, int threads, Body&& body) {
    struct Context {
        Body& body;
        std::exception_ptr* errors;
    };
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
    Context context{body, errors.data()};
    detail::parallel_blocks(count, threads, &context, [](void* opaque, Index k) {
        auto& c = *static_cast<Context*>(opaque);
        try {
            c.body(k);
        } catch (...) {
            c.errors[k] = std::current_exception();
        }
    });
    for (auto& error : errors)
        if (error) std::rethrow_exception(std::exchange(error, nullptr));
}

}  // namespace m4dl
