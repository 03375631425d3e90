#include "m4dl/linalg/poisson_passes.hpp"

#include "m4dl/linalg/poisson_stages.hpp"

namespace m4dl::poisson {
namespace {

template <int W, int K>
M4DL_INLINE void go_up(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<3>([&](auto stage, Index slab)
                         M4DL_INLINE_LAMBDA { x.template up<stage>(slab); });
}

// Up, and down again from there.
template <int W, int K>
M4DL_INLINE void turn(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<7>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage < 3) x.template up<stage>(slab);
        if constexpr (stage == 3) x.smooth.relax(slab, 0);
        if constexpr (stage == 4) x.relax_black_and_note(slab);
        if constexpr (stage == 6) x.restrict_noted(slab);
    });
}

}  // namespace

M4DL_POISSON_PASS(go_up, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_POISSON_PASS(turn, (const Pass& pass, const SlabRange& r), (pass, r))

}  // namespace m4dl::poisson
