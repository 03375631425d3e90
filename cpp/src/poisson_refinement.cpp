#include "m4dl/linalg/poisson_refinement.hpp"

#include "m4dl/linalg/poisson_refiner.hpp"

namespace m4dl::poisson {
namespace {

// The end of a cycle and the correction.
template <int W, int K>
M4DL_INLINE void up_and_correct(const Refinement& x, const SlabRange& r) {
    const Stages<W, K> s{x.pass, x.pass.level, r};
    const Refiner<W, K> refine{x};
    s.template go<4>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage < 3) s.template up<stage>(slab);
        if constexpr (stage == 3) refine.correct(slab);
    });
}

// The residual and the beginning of a cycle.
template <int W, int K>
M4DL_INLINE void residual_and_down(const Refinement& x, const SlabRange& r) {
    const Stages<W, K> s{x.pass, x.pass.level, r};
    const Refiner<W, K> refine{x};
    s.template go<4>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) refine.residual(slab);
        s.template down<stage>(slab);
    });
}

// The residual alone.
template <int W, int K>
M4DL_INLINE void residual(const Refinement& x, const SlabRange& r) {
    for (Index slab = r.begin; slab < r.end; ++slab) Refiner<W, K>{x}.residual(slab);
}

}  // namespace

M4DL_REFINEMENT_PASS(up_and_correct)
M4DL_REFINEMENT_PASS(residual_and_down)
M4DL_REFINEMENT_PASS(residual)

}  // namespace m4dl::poisson
