// Multigrid cycles over lanes, in single precision, for diffusion in a box,
//
//     -div(k grad u) = b,   u = 0 on the boundary,
//
// multilinear (Q1) elements, k a number per cell and chain. A coarser grid is the same problem with k
// averaged over the cells that make one of its cells.
//
// A V-cycle smooths by Gauss-Seidel, first the even slabs, lines and nodes, then the odd ones, on the
// way up in the opposite order, which makes it symmetric: a preconditioner. Each way through a level
// is one wavefront.
#pragma once

#include "m4dl/linalg/q1_stencil.hpp"

namespace m4dl {

class DiffusionCycle {
public:
    // `axes`: two or three, each with at least two cells.
    explicit DiffusionCycle(std::vector<Axis> axes);

    struct Fields {
        FloatBlock k, inverse, rhs, u;  // k on the cells; 1/diagonal and the others on the nodes
        FloatBlock residual;            // of a few slabs
    };
    using Workspace = std::vector<Fields>;  // one a level, the finest first

    Workspace workspace() const;
    const GridLevel& finest() const { return levels_[0].grid; }

    // The operator, from k on the finest level.
    void set(Workspace& w) const;
    // u := B rhs on the finest level, B a V-cycle.
    void v_cycle(Workspace& w) const;
    // A better guess for the cost of about 1.4 cycles, but not symmetric.
    void nested_iteration(Workspace& w) const;

    // The cells of the next level: the shares of finer cells, axis by axis.
    struct Share {
        Index first;  // finer cell
        int count;
        float weight[2];
    };
    struct Level {
        GridLevel grid;
        Elements<float> elements;
        std::vector<std::vector<Share>> shares;  // per axis; empty on the coarsest level
    };

private:
    std::vector<Level> levels_;
};

}  // namespace m4dl
