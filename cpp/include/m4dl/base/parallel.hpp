// The parallel loops: over blocks of chains (or the rows of a batch cut into blocks), and, where
// there are fewer blocks than threads and each solve is large, over pieces of one field.
#pragma once

#include <algorithm>
#include <exception>
#include <utility>

#include "m4dl/base/block.hpp"

namespace m4dl {

// 0 asks for what OpenMP would use now (so OMP_NUM_THREADS and threadpoolctl are obeyed). A forked
// child gets one thread: libgomp's pool does not survive a fork and would hang.
int resolve_threads(int requested);

bool have_openmp();

// Where threads are best spent.
enum class Threads {
    kAcrossBlocks,  // one block per thread
    kInsideBlocks  // one block after another, all threads inside, if there are more threads than blocks
};

namespace detail {
void parallel_blocks(Index count, int threads, Threads where, void* context,
                     void (*body)(void*, Index));
void parallel_ranges(Index count, void* context, void (*body)(void*, Index, Index));
int threads_inside();  // that parallel_for left to the inside of this block
}  // namespace detail

// body(k) for k = 0..count-1, in any order, on up to `threads` threads. The first exception is
// rethrown on the calling thread after all have finished.
template <class Body>
void parallel_for(Index count, int threads, Body&& body, Threads where = Threads::kAcrossBlocks) {
    struct Context {
        Body& body;
        std::exception_ptr* errors;
    };
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
    Context context{body, errors.data()};
    detail::parallel_blocks(count, threads, where, &context, [](void* opaque, Index k) {
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

// How many ranges for_ranges makes: small loops stay on one thread.
inline Index ranges(Index count, Index work) {
    constexpr Index kWorthwhile = Index{1} << 14;  // rows of lanes: a megabyte
    return count * work < kWorthwhile ? 1 : std::clamp<Index>(detail::threads_inside(), 1, count);
}

// body(begin, end) for ranges that cover 0..count-1, on the threads that parallel_for left to the
// inside of this block (one, mostly). `work` is the number of rows of lanes that one of the count
// touches. `body` must not throw, and its result must not depend on the ranges.
template <class Body>
void for_ranges(Index count, Index work, Body&& body) {
    if (ranges(count, work) <= 1) return body(Index{0}, count);
    detail::parallel_ranges(count, &body, [](void* opaque, Index begin, Index end) {
        (*static_cast<std::remove_reference_t<Body>*>(opaque))(begin, end);
    });
}

// body(k) for the rows k of a field, in ranges.
template <class Body>
void for_rows(Index rows, Body&& body) {
    for_ranges(rows, 1, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) body(k);
    });
}

// The sum of term(k) over the rows k of a field. Chunks of a fixed size are summed by themselves, so
// that threads change no sum.
template <class Term>
Lanes sum_rows(Index rows, Term&& term) {
    constexpr Index kChunk = 4096, kMostChunks = 256;
    const Index chunk = std::max(kChunk, (rows + kMostChunks - 1) / kMostChunks);
    const Index chunks = (rows + chunk - 1) / chunk;
    Eigen::Array<double, kMostChunks, kLanes, Eigen::RowMajor> sums;
    for_ranges(chunks, chunk, [&](Index begin, Index end) {
        for (Index c = begin; c < end; ++c) {
            Lanes sum = Lanes::Zero();
            for (Index k = c * chunk; k < std::min(rows, (c + 1) * chunk); ++k) sum += term(k);
            sums.row(c) = sum;
        }
    });
    Lanes total = Lanes::Zero();
    for (Index c = 0; c < chunks; ++c) total += sums.row(c);
    return total;
}

}  // namespace m4dl
