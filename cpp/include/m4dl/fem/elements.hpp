// Element matrices.
#pragma once

#include "m4dl/fem/triangles.hpp"

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

// P1 on a triangle.
struct P1Element {
    Eigen::Matrix3d stiffness, mass;

    P1Element(const TriangleMesh& mesh, Index cell) {
        const double area = mesh.area(cell);
        const auto g = mesh.gradients(cell);
        for (int p = 0; p < 3; ++p)
            for (int q = 0; q < 3; ++q) {
                stiffness(p, q) = area * (g[p][0] * g[q][0] + g[p][1] * g[q][1]);
                mass(p, q) = area / (p == q ? 6.0 : 12.0);
            }
    }
};

}  // namespace m4dl
