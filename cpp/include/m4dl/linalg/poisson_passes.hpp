// The passes over one level of the screened Poisson equation (see poisson_cycle.hpp), compiled for the
// instruction set at hand: kernels of their own sources.
#pragma once

#include "m4dl/linalg/poisson_cycle.hpp"
#include "m4dl/linalg/wavefront.hpp"

namespace m4dl::poisson {

// Smooth from u = 0, or from u of the next level; the residual is its right-hand side.
void go_down_slabs(const Pass& pass, const SlabRange& r);
void go_down_from_coarse_slabs(const Pass& pass, const SlabRange& r);
// Correct by the next level and smooth; `turn` goes down again from there.
void go_up_slabs(const Pass& pass, const SlabRange& r);
void turn_slabs(const Pass& pass, const SlabRange& r);
void coarsest_slabs(const Pass& pass);
// The next level's right-hand side (or f) from that of this one.
void restrict_rhs_slabs(const Pass& pass, Index begin, Index end);
// 1/diagonal of every node from f, which lies in the place of the right-hand side.
void invert_diagonal_slabs(const Pass& pass, Index begin, Index end);

}  // namespace m4dl::poisson
