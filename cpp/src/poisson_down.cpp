#include "m4dl/linalg/poisson_passes.hpp"

#include "m4dl/linalg/poisson_stages.hpp"

namespace m4dl::poisson {
namespace {

template <int W, int K>
M4DL_INLINE void go_down(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<4>([&](auto stage, Index slab)
                         M4DL_INLINE_LAMBDA { x.template down<stage>(slab); });
}

// From the coarser solution.
template <int W, int K>
M4DL_INLINE void go_down_from_coarse(const Pass& pass, const SlabRange& r) {
    const Stages<W, K> x{pass, pass.level, r};
    x.template go<5>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.template interpolate<true>(slab);
        if constexpr (stage == 1) x.smooth.relax(slab, 0);
        if constexpr (stage == 2) x.relax_black_and_note(slab);
        if constexpr (stage == 4) x.restrict_noted(slab);
    });
}

}  // namespace

M4DL_POISSON_PASS(go_down, (const Pass& pass, const SlabRange& r), (pass, r))
M4DL_POISSON_PASS(go_down_from_coarse, (const Pass& pass, const SlabRange& r), (pass, r))

}  // namespace m4dl::poisson
