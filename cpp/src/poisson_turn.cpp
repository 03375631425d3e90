#include "m4dl/linalg/poisson_refinement.hpp"

#include "m4dl/linalg/poisson_refiner.hpp"

namespace m4dl::poisson {
namespace {

template <int W, int K>
M4DL_INLINE void turn_and_refine(const Refinement& x, const SlabRange& r) {
    const Stages<W, K> s{x.pass, x.pass.level, r};
    const Refiner<W, K> refine{x};
    s.template go<8>([&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage < 3) s.template up<stage>(slab);
        if constexpr (stage == 3) refine.correct(slab);
        if constexpr (stage == 4) refine.residual(slab);
        if constexpr (stage >= 4) s.template down<stage - 4>(slab);
    });
}

}  // namespace

M4DL_REFINEMENT_PASS(turn_and_refine)

}  // namespace m4dl::poisson
