// The passes over one level of a diffusion problem (see diffusion_cycle.hpp), compiled for the
// instruction set at hand: kernels of their own sources.
#pragma once

#include "m4dl/linalg/diffusion_cycle.hpp"
#include "m4dl/linalg/wavefront.hpp"

namespace m4dl::diffusion {

// One level and the next: what a pass over the first one touches.
struct Pass {
    const DiffusionCycle::Level& level;
    DiffusionCycle::Fields& fields;
    const DiffusionCycle::Level* coarse;  // none below the coarsest
    DiffusionCycle::Fields* below;
};

// Smooth from u = 0, or from u of the next level; the residual is its right-hand side.
void go_down_slabs(const Pass& pass, const SlabRange& r);
void go_down_from_coarse_slabs(const Pass& pass, const SlabRange& r);
// Correct by the next level and smooth.
void go_up_slabs(const Pass& pass, const SlabRange& r);
void coarsest_slabs(const Pass& pass);
// The next level's right-hand side from that of this one.
void restrict_rhs_slabs(const Pass& pass, Index begin, Index end);
void invert_diagonal_slabs(const Pass& pass, Index begin, Index end);
// k of slabs of the next level's cells.
void average_slabs(const Pass& pass, Index begin, Index end);

}  // namespace m4dl::diffusion
