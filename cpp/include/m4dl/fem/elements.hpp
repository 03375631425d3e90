// Element matrices.
#pragma once

#include "m4dl/fem/simplices.hpp"

namespace m4dl {

// Q1 on a cell of the grid. The one-dimensional stiffness and mass are
// k = [1 -1; -1 1]/h and m = h/6 [2 1; 1 2]; in d dimensions they combine as tensor products.
struct Q1Element {
    Matrix stiffness, mass;  // (2^d, 2^d), corners in the order of Grid::corner

    explicit Q1Element(const Grid& grid) {
        const Index d = grid.dim(), n = grid.corners();
        stiffness.setZero(n, n);
        mass.setZero(n, n);
        for (Index p = 0; p < n; ++p)
            for (Index q = 0; q < n; ++q)
                for (Index along = 0; along <= d; ++along) {  // along == d: the mass matrix
                    double product = 1.0;
                    for (Index a = 0; a < d; ++a) {
                        const bool same = (((p ^ q) >> (d - 1 - a)) & 1) == 0;
                        const double h = grid.spacing(a);
                        product *= a == along ? (same ? 1.0 : -1.0) / h : h / (same ? 3.0 : 6.0);
                    }
                    (along == d ? mass : stiffness)(p, q) += product;
                }
    }
};

// P1 on a simplex T: the stiffness is |T| grad l_p . grad l_q; the mass is D! |T| times the
// integral of l_p l_q over the reference simplex, (1 + delta_pq)/(D + 2)!.
template <int D>
struct P1Element {
    Eigen::Matrix<double, D + 1, D + 1> stiffness, mass;

    P1Element(const SimplexMesh<D>& mesh, Index cell) {
        const auto& nodes = mesh.cells()[cell];
        const double measure = mesh.measure(nodes);
        const auto g = mesh.gradients(nodes);
        stiffness = measure * g * g.transpose();
        mass.setConstant(measure / ((D + 1) * (D + 2)));
        mass.diagonal() *= 2.0;
    }
};

}  // namespace m4dl
