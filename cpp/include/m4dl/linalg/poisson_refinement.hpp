// Iterative refinement of a screened Poisson equation: passes over the finest level that correct a
// solution in double precision by what a cycle in single precision found, and take the residual,
// compiled for the instruction set at hand.
#pragma once

#include "m4dl/linalg/poisson_cycle.hpp"
#include "m4dl/linalg/wavefront.hpp"

namespace m4dl::poisson {

// u += correction in the lanes still at work, and the residual b - A u, in double precision.
struct Refinement {
    Pass pass;                 // over the finest level: the correction and the residual
    const Index* coefficient;  // per line inside: its first row in c
    const double *c, *b;       // b on the nodes inside
    double* u;
    const double* active;  // per lane: 1 or 0
    double* sums;          // per slab: |correction|^2 and |u|^2
    bool fresh;            // u has not been written yet: it is 0
};

// The end of a cycle and the correction.
void up_and_correct_slabs(const Refinement& x, const SlabRange& r);
// The residual and the beginning of a cycle.
void residual_and_down_slabs(const Refinement& x, const SlabRange& r);
// Both.
void turn_and_refine_slabs(const Refinement& x, const SlabRange& r);
// The residual alone.
void residual_slabs(const Refinement& x, const SlabRange& r);

}  // namespace m4dl::poisson
