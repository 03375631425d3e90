// Divergence-form equation (groundwater flow): -div(f grad u) = s in O, u = g on the boundary,
// f = link(theta) (Giordano, Nickl, Inverse Problems 2020; benchmark: Aristoff, Bangerth, SIAM
// Review 2023).
#pragma once

#include "m4dl/fem/elements.hpp"
#include "m4dl/model/affine_elliptic.hpp"
#include "m4dl/solve/assembler.hpp"

namespace m4dl {

class Darcy : public AffineElliptic {
public:
    // Q1 elements on a grid. `source`, `boundary`: s and g at the nodes. `mean` (cells, parameters)
    // makes the coefficients of the cells from f: one of `on_blocks`, `on_cells`, `on_nodes`.
    Darcy(const Grid& grid, const Matrix& points, const Vector& source, const Vector& boundary,
          SparseRows mean, Link link, const SolverOptions& options = {})
        : AffineElliptic(multilinear(grid, points, source, boundary, std::move(mean)), link,
                         options) {}

    // P1 elements on triangles or tetrahedra.
    template <int D>
    Darcy(const SimplexMesh<D>& mesh, const Matrix& points, const Vector& source,
          const Vector& boundary, SparseRows mean, Link link, const SolverOptions& options = {})
        : AffineElliptic(linear(mesh, points, source, boundary, std::move(mean)), link, options) {}

    // Cell -> block of a coarser grid of the same box; each block is a whole number of cells.
    static SparseRows on_blocks(const Grid& grid, const std::vector<Index>& blocks) {
        bool whole = static_cast<Index>(blocks.size()) == grid.dim();
        for (std::size_t a = 0; whole && a < blocks.size(); ++a)
            whole = blocks[a] > 0 && grid.cells[a] % blocks[a] == 0;
        require(whole, "blocks must cut the cells along each axis evenly");
        Grid coarse = grid;
        coarse.cells = blocks;
        std::vector<Entry> out;
        for (Index k = 0; k < grid.cell_count(); ++k) {
            auto at = grid.unflatten(k, 0);
            for (Index a = 0; a < grid.dim(); ++a) at[a] /= grid.cells[a] / blocks[a];
            out.push_back({k, coarse.flatten(at, 0), 1.0});
        }
        return {grid.cell_count(), coarse.cell_count(), std::move(out)};
    }
    // The mean over the corners of each cell.
    static SparseRows on_nodes(const Grid& grid) {
        const double share = 1.0 / static_cast<double>(grid.corners());
        std::vector<Entry> out;
        for (Index k = 0; k < grid.cell_count(); ++k)
            for (Index q = 0; q < grid.corners(); ++q)
                out.push_back({k, grid.corner(grid.unflatten(k, 0), q), share});
        return {grid.cell_count(), grid.node_count(), std::move(out)};
    }
    template <int D>
    static SparseRows on_cells(const SimplexMesh<D>& mesh) {
        std::vector<Entry> out;
        for (Index k = 0; k < mesh.cell_count(); ++k) out.push_back({k, k, 1.0});
        return {mesh.cell_count(), mesh.cell_count(), std::move(out)};
    }
    template <int D>
    static SparseRows on_nodes(const SimplexMesh<D>& mesh) {
        std::vector<Entry> out;
        for (Index k = 0; k < mesh.cell_count(); ++k)
            for (const Index node : mesh.cells()[k]) out.push_back({k, node, 1.0 / (D + 1)});
        return {mesh.cell_count(), mesh.node_count(), std::move(out)};
    }

private:
    static void require_source(const Vector& source, Index nodes) {
        require(source.size() == nodes, "source must have ", nodes, " values, got ", source.size());
    }

    // One element: stiffness times the coefficient of the cell, source by the consistent mass
    // matrix.
    template <class Nodes, class Local>
    static void add_element(Assembler& a, Index cell, const Nodes& nodes, const Local& stiffness,
                            const Local& mass, const Vector& source) {
        for (Index p = 0; p < stiffness.rows(); ++p)
            for (Index q = 0; q < stiffness.cols(); ++q) {
                a.add_term(nodes[p], nodes[q], cell, stiffness(p, q));
                a.add_load(nodes[p], mass(p, q) * source[nodes[q]]);
            }
    }

    static AffineSystem multilinear(const Grid& grid, const Matrix& points, const Vector& source,
                                    const Vector& boundary, SparseRows mean) {
        require_source(source, grid.node_count());
        Assembler a(grid.boundary(), boundary, grid.cell_count());
        const Q1Element element(grid);
        std::vector<Index> nodes(static_cast<std::size_t>(grid.corners()));
        for (Index k = 0; k < grid.cell_count(); ++k) {
            for (Index q = 0; q < grid.corners(); ++q)
                nodes[q] = grid.corner(grid.unflatten(k, 0), q);
            add_element(a, k, nodes, element.stiffness, element.mass, source);
        }
        AffineSystem s = std::move(a).finish(interpolation(grid, points), grid.node_coordinates());
        s.mean = std::move(mean);
        if (grid.dim() > 1) s.box = BoxProblem{BoxProblem::Kind::kDiffusion, axes(grid), {}};
        return s;
    }

    template <int D>
    static AffineSystem linear(const SimplexMesh<D>& mesh, const Matrix& points,
                               const Vector& source, const Vector& boundary, SparseRows mean) {
        require_source(source, mesh.node_count());
        Assembler a(mesh.boundary(), boundary, mesh.cell_count());
        for (Index k = 0; k < mesh.cell_count(); ++k) {
            const P1Element<D> element(mesh, k);
            add_element(a, k, mesh.cells()[k], element.stiffness, element.mass, source);
        }
        AffineSystem s = std::move(a).finish(interpolation(mesh, points), mesh.points());
        s.mean = std::move(mean);
        return s;
    }
};

static_assert(ForwardModel<Darcy> && HasPull<Darcy> && HasPush<Darcy>);

}  // namespace m4dl
