// Several stages of work on the slabs of a grid in one pass through the memory.
//
// Stage s of slab i needs stage s - 1 of the slabs i - 1, i, i + 1 (a relaxation, say, whose other
// colour must be done around it). One thread takes slab i through stage 0, slab i - 1 through
// stage 1 and so on, so that a slab is in the cache until its last stage. Several threads have a
// range of slabs each: at first every one does what depends on its own slabs alone, a trapezoid
// that loses a slab at each end with every stage; then, stage by stage, all fill in the rest.
#pragma once

#include <algorithm>
#include <utility>

#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/nested_grids.hpp"

namespace m4dl {

// A range [begin, end) of slabs in one phase: phase 0 is the trapezoid, phase s fills in stage s.
struct SlabRange {
    Index begin, end;
    int phase;
};

// Where a stage leaves something for the slabs around: by slabs, or, as a single range needs few of
// them at a time, in a ring of slabs that stay in the cache.
struct SlabRing {
    static constexpr Index kSlabs = 8;
    Index last;  // slab of the grid; 0 and last hold the zeros of the boundary
    bool ring;

    M4DL_INLINE SlabRing(const GridLevel& g, const SlabRange& r)
        : last(g.slabs - 1), ring(r.begin == 1 && r.end == g.slabs - 1) {}
    M4DL_INLINE Index place(Index slab) const {
        return ring && slab > 0 && slab < last ? 1 + (slab - 1) % kSlabs : slab;
    }
};

// Inside a kernel: calls stage(std::integral_constant<int, s>, slab) for s < S. `last` is the last
// slab of the grid.
template <int S, class Stage>
M4DL_INLINE void wavefront(Index last, const SlabRange& r, Stage&& stage) {
    const bool first_range = r.begin == 1, last_range = r.end > last;
    for (int part = 0; part < (r.phase == 0 ? 1 : 2); ++part) {
        Index low[S], high[S];
        for (int s = 0; s < S; ++s) {
            // What phase 0 takes of this stage; nothing where the range is too short.
            const Index from = first_range ? 1 : r.begin + s, to = last_range ? r.end : r.end - s;
            const bool any = from < to;
            low[s] = high[s] = r.begin;
            if (r.phase == 0 && any) {
                low[s] = from;
                high[s] = to;
            } else if (r.phase == s && s > 0) {
                low[s] = part == 0 ? r.begin : any ? to : r.end;
                high[s] = part == 0 && any ? from : r.end;
            }
        }
        for (Index i = r.begin; i < r.end + S - 1; ++i) {
            auto run = [&]<int... s>(std::integer_sequence<int, s...>) M4DL_INLINE_LAMBDA {
                auto one = [&](auto number) M4DL_INLINE_LAMBDA {
                    const Index slab = i - number;
                    if (slab >= low[number] && slab < high[number]) stage(number, slab);
                };
                (one(std::integral_constant<int, s>{}), ...);
            };
            run(std::make_integer_sequence<int, S>{});
        }
    }
}

// Calls pass(range) for all ranges and phases of a wavefront of `stages`, on the threads of this
// block.
template <class Pass>
void sweep(const GridLevel& g, int stages, Pass&& pass) {
    // One range has nothing to fill in.
    const int phases = ranges(g.slabs - 2, g.lines * g.nodes) == 1 ? 1 : stages;
    for (int phase = 0; phase < phases; ++phase)
        for_slabs(g, [&](Index begin, Index end) { pass(SlabRange{begin, end, phase}); });
}

}  // namespace m4dl
