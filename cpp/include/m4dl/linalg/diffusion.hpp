// Diffusion in a box over lanes (see diffusion_cycle.hpp) to a given accuracy: conjugate gradients in
// double precision after V-cycles in single precision, as k may jump. They start from a nested
// iteration. The matrix is never stored.
#pragma once

#include "m4dl/linalg/conjugate_gradients.hpp"
#include "m4dl/linalg/diffusion_cycle.hpp"

namespace m4dl {

class Diffusion {
public:
    // `axes`: two or three, each with at least two cells.
    explicit Diffusion(std::vector<Axis> axes);

    struct Workspace {
        DiffusionCycle::Workspace cycle;
        const double* k = nullptr;  // on the cells
        Block residual;             // on all nodes
        CgWorkspace cg;
        std::vector<double> sums;  // per slab
    };

    Workspace workspace() const;
    Index unknowns() const { return unknowns_; }

    // k (cells, kLanes) must stay where it is as long as the workspace is in use.
    void set(const Block& k, Workspace& w) const;
    // x := A^{-1} x (nodes inside, in C order); see conjugate_gradients.
    void solve(Block& x, double tolerance, int max_iterations, Workspace& w) const;

private:
    DiffusionCycle cycle_;
    Elements<double> elements_;
    Index unknowns_ = 1;
};

}  // namespace m4dl
