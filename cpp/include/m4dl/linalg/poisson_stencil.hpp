// The grids of the screened Poisson equation, and one line of nodes with its neighbours: what the
// kernels in single and in double precision share.
#pragma once

#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/nested_grids.hpp"

namespace m4dl {

struct PoissonLevel : GridLevel {
    // Coupling of node i to i - 1 and i + 1 along each axis: s / (width mass).
    std::vector<std::vector<double>> below, above;
    Index red = 0;  // parity of i + j + k of the nodes smoothed first: those of the coarser grid
};

// One line of nodes along the last axis: where the parallel lines beside it lie, and the couplings
// to them. K = 2 in two dimensions, 4 in three.
template <int K, class Scalar>
struct Stencil {
    Index offset[K];   // in nodes
    Scalar weight[K];  // of this line to its neighbours
    bool even;         // the same to both sides
    const double *below, *above;
    Index nodes;

    M4DL_INLINE Stencil(const PoissonLevel& g, Index slab, Index line)
        : even(true), below(g.below[K / 2].data()), above(g.above[K / 2].data()), nodes(g.nodes) {
        const Index stride[2] = {g.lines * g.nodes, g.nodes}, at[2] = {slab, line};
        for (int a = 0; a < K / 2; ++a) {
            offset[2 * a] = -stride[a];
            offset[2 * a + 1] = stride[a];
            weight[2 * a] = static_cast<Scalar>(g.below[a][at[a]]);
            weight[2 * a + 1] = static_cast<Scalar>(g.above[a][at[a]]);
            even = even && weight[2 * a] == weight[2 * a + 1];
        }
    }

    M4DL_INLINE Scalar total() const {
        Scalar sum = weight[0] + weight[1];
        if constexpr (K == 4) sum += weight[2] + weight[3];
        return sum;
    }

    // The neighbours on the lines beside, weighted; row(offset) loads one.
    template <class Row>
    M4DL_INLINE auto beside(Row&& row) const {
        auto sum = weight[0] * row(offset[0]) + weight[1] * row(offset[1]);
        if constexpr (K == 4) sum += weight[2] * row(offset[2]) + weight[3] * row(offset[3]);
        return sum;
    }
    template <class Row>
    M4DL_INLINE auto evenly_beside(Row&& row) const {
        auto sum = weight[0] * (row(offset[0]) + row(offset[1]));
        if constexpr (K == 4) sum += weight[2] * (row(offset[2]) + row(offset[3]));
        return sum;
    }

    // Calls at_end(k, below, above) for the outermost of the nodes first, first + step, ... inside
    // the line, and inside(k, end, along) once for those from k on between them, which have the same
    // coupling to both neighbours.
    template <class End, class Inside>
    M4DL_INLINE void for_nodes(Index first, Index step, End&& at_end, Inside&& inside) const {
        const Index last = nodes - 2;
        Index k = first;
        auto end = [&](Index node) M4DL_INLINE_LAMBDA {
            if (k != node) return;
            at_end(k, static_cast<Scalar>(below[k]), static_cast<Scalar>(above[k]));
            k += step;
        };
        end(1);
        if (k < last) {
            inside(k, last, static_cast<Scalar>(below[nodes / 2]));
            k += (last - k + step - 1) / step * step;
        }
        end(last);
    }
};

}  // namespace m4dl
