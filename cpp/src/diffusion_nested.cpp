#include "m4dl/linalg/diffusion_passes.hpp"

#include "m4dl/linalg/diffusion_stages.hpp"

namespace m4dl::diffusion {
namespace {

template <int W, int D>
M4DL_INLINE void go_down_from_coarse(const Pass& pass, const SlabRange& r) {
    const Stages<W, D> x{pass, r};
    wavefront<5>(x.g.slabs - 2, r, [&](auto stage, Index slab) M4DL_INLINE_LAMBDA {
        if constexpr (stage == 0) x.template interpolate<true>(slab);
        if constexpr (stage == 1 || stage == 2)
            if (slab % 2 == stage - 1) x.slabs.relax(slab, false);
        if constexpr (stage == 3) x.slabs.residual(slab, x.ring.place(slab));
        if constexpr (stage == 4) x.restrict_residual(slab);
    });
}

}  // namespace

M4DL_DIFFUSION_PASS(go_down_from_coarse, (const Pass& pass, const SlabRange& r), (pass, r))

}  // namespace m4dl::diffusion
