// Geometric multigrid over lanes for diffusion in a box, -div(k grad u) = b, u = 0 on the boundary:
// multilinear (Q1) elements with k a number per cell and chain. A coarser grid is the same problem
// with k averaged over the cells that make one of its cells.
//
// The V-cycle preconditions conjugate gradients: k may jump. It runs in single precision and smooths
// by Gauss-Seidel, first the even slabs, lines and nodes, then the odd ones, on the way up in the
// opposite order, which keeps it symmetric. The matrix is never stored: each cell couples its corners by
// k times one of few element matrices.
#pragma once

#include <memory>

#include "m4dl/linalg/nested_grids.hpp"

namespace m4dl {

// Element matrix of a cell: the entry of corners p and q depends on p xor q alone.
template <class T>
using Element = std::array<T, 8>;

// The element matrices of a level. All cells but the first and the last along an axis are equal.
template <class T>
struct Elements {
    std::array<Element<T>, 27> table;  // 3 kinds along each axis, the last axis fastest

    static Index kind(Index cell, Index cells) { return cell == 0 ? 0 : cell == cells - 1 ? 2 : 1; }
};

class Diffusion {
public:
    // `axes`: two or three, each with at least two cells.
    explicit Diffusion(std::vector<Axis> axes);

    struct Shares;

    struct Workspace {
        struct Fields {
            FloatBlock k, inverse, rhs, u, residual;  // k on the cells, the others on the nodes
        };
        std::vector<Fields> levels;
        const double* k = nullptr;  // on the cells of the finest level
    };

    Workspace workspace() const;
    Index unknowns() const { return unknowns_; }
    const GridLevel& finest() const { return levels_[0]; }

    // k (cells, kLanes) must stay where it is as long as the workspace is in use.
    void set(const Block& k, Workspace& w) const;
    // w := A p on the nodes inside; fields on all nodes, 0 on the boundary.
    void apply(const Block& p, Block& w, const Workspace& work) const;
    // z := B r by one V-cycle; the result lies in the workspace.
    const FloatBlock& precondition(const Block& r, Workspace& w) const;

private:
    void cycle(std::size_t level, Workspace& w) const;

    std::vector<GridLevel> levels_;
    std::vector<std::shared_ptr<const Shares>> means_, transposes_;  // to the next level
    std::vector<Elements<float>> elements_;
    Elements<double> finest_elements_;
    Index unknowns_ = 1;
};

}  // namespace m4dl
