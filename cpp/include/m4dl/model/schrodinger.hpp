// Steady Schroedinger equation: (1/2) Lap u - f u = 0 in O, u = g on the boundary, f = link(theta)
// (Nickl, J. Eur. Math. Soc. 2020, sec. 2). Solved as -(1/2) Lap u + f u = 0, positive definite.
#pragma once

#include "m4dl/fem/elements.hpp"
#include "m4dl/model/affine_elliptic.hpp"
#include "m4dl/solve/assembler.hpp"

namespace m4dl {

class Schrodinger : public AffineElliptic {
public:
    // Second-order differences (2 d + 1 points) on a grid; theta at all nodes or at the interior
    // ones (boundary values of f never enter). `boundary`: g at the nodes.
    Schrodinger(const Grid& grid, const Matrix& points, const Vector& boundary, bool all_nodes,
                Link link, const SolverOptions& options = {})
        : AffineElliptic(differences(grid, points, boundary, all_nodes), link, options) {}

    // P1 elements with a lumped potential term: f_i u_i |patch_i|/(D + 1); theta at the nodes.
    template <int D>
    Schrodinger(const SimplexMesh<D>& mesh, const Matrix& points, const Vector& boundary, Link link,
                const SolverOptions& options = {})
        : AffineElliptic(linear_elements(mesh, points, boundary), link, options) {}

private:
    static AffineSystem differences(const Grid& grid, const Matrix& points, const Vector& boundary,
                                    bool all_nodes) {
        const auto on_boundary = grid.boundary();
        std::vector<Index> parameter(on_boundary.size(), -1);
        Index parameters = 0;
        for (std::size_t k = 0; k < parameter.size(); ++k)
            if (all_nodes || !on_boundary[k]) parameter[k] = parameters++;
        Assembler a(on_boundary, boundary, parameters);
        for (Index k = 0; k < grid.node_count(); ++k) {
            if (on_boundary[k]) continue;
            a.add_term(k, k, parameter[k], 1.0);
            const auto at = grid.unflatten(k, 1);
            for (Index axis = 0; axis < grid.dim(); ++axis) {
                const double w = 0.5 / (grid.spacing(axis) * grid.spacing(axis));
                a.add(k, k, 2.0 * w);
                for (const Index step : {-1, 1}) {
                    auto next = at;
                    next[axis] += step;
                    a.add(k, grid.flatten(next, 1), -w);
                }
            }
        }
        AffineSystem s = std::move(a).finish(interpolation(grid, points), grid.node_coordinates());
        if (grid.dim() > 1) {
            s.box = BoxProblem{BoxProblem::Kind::kPotential, axes(grid), {}};
            // Parameters follow one another along the last axis, with or without the boundary.
            for (std::size_t k = 1; k < parameter.size(); ++k)
                if (on_boundary[k - 1] && !on_boundary[k])
                    s.box->line_start.push_back(parameter[k]);
        }
        return s;
    }

    template <int D>
    static AffineSystem linear_elements(const SimplexMesh<D>& mesh, const Matrix& points,
                                        const Vector& boundary) {
        Assembler a(mesh.boundary(), boundary, mesh.node_count());
        Vector lumped = Vector::Zero(mesh.node_count());
        for (Index t = 0; t < mesh.cell_count(); ++t) {
            const P1Element<D> element(mesh, t);
            const auto& nodes = mesh.cells()[t];
            for (int p = 0; p <= D; ++p) {
                lumped[nodes[p]] += element.mass.row(p).sum();
                for (int q = 0; q <= D; ++q)
                    a.add(nodes[p], nodes[q], 0.5 * element.stiffness(p, q));
            }
        }
        for (Index k = 0; k < lumped.size(); ++k) a.add_term(k, k, k, lumped[k]);
        return std::move(a).finish(interpolation(mesh, points), mesh.points());
    }
};

static_assert(ForwardModel<Schrodinger> && HasPull<Schrodinger> && HasPush<Schrodinger>);

}  // namespace m4dl
