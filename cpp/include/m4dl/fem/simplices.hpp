// A conforming mesh of simplices, given by points and cells: triangles of a plane domain (D = 2),
// tetrahedra in space (D = 3).
#pragma once

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <vector>

#include "m4dl/fem/facets.hpp"
#include "m4dl/fem/grid.hpp"
#include "m4dl/fem/point_bins.hpp"

namespace m4dl {

template <int D>
class SimplexMesh {
public:
    using Points = Eigen::Matrix<double, Eigen::Dynamic, D, Eigen::RowMajor>;
    using Cell = std::array<Index, D + 1>;                // its nodes
    using Gradients = Eigen::Matrix<double, D + 1, D>;    // row k: that of hat function k
    using Barycentric = Eigen::Matrix<double, D + 1, 1>;  // values of the hat functions

    SimplexMesh(Points points, std::vector<Cell> cells)
        : points_(std::move(points)), cells_(std::move(cells)), boundary_(find_boundary()) {}

    const Points& points() const { return points_; }
    const std::vector<Cell>& cells() const { return cells_; }
    // Whether a node is on the boundary.
    const std::vector<bool>& boundary() const { return boundary_; }
    Index node_count() const { return points_.rows(); }
    Index cell_count() const { return static_cast<Index>(cells_.size()); }

    // |T| = |det E|/D!, where row k of E is the edge from node 0 to node k + 1.
    double measure(const Cell& cell) const {
        constexpr double factorial = D == 2 ? 2.0 : 6.0;
        return std::abs(determinant(cell)) / factorial;
    }
    // det E: its sign is the orientation.
    double determinant(const Cell& cell) const { return edges(cell).determinant(); }

    // grad l_j . (x_k - x_0) = delta_jk for j, k >= 1: these are the columns of E^{-1}, and
    // l_0 = 1 - l_1 - ... - l_D.
    Gradients gradients(const Cell& cell) const {
        const Edges inverse = edges(cell).inverse();
        Gradients g;
        g.template bottomRows<D>() = inverse.transpose();
        g.row(0) = -inverse.rowwise().sum().transpose();
        return g;
    }

    // Barycentric weights of each point in the first cell that holds it; none where no cell does.
    // The points are binned, not the cells: there are fewer of them.
    std::vector<Weights> interpolate(const Matrix& at) const {
        constexpr double slack = 1e-10;  // a point on a face belongs to either side
        require(at.cols() == D, "points must have ", D, " columns, got ", at.cols());
        std::vector<Weights> out(static_cast<std::size_t>(at.rows()));
        if (out.empty()) return out;
        const Points x = at;  // with its number of columns known
        const PointBins<D> bins(x);
        for (const Cell& cell : cells_)
            each_in(bins, cell, slack, [&](Index p, const Barycentric& l) {
                if (!out[p].empty()) return;
                for (int k = 0; k <= D; ++k) out[p].emplace_back(cell[k], l[k]);
            });
        return out;
    }

    // visit(p, weights) for the binned points in a cell, or so close that no hat function is below -slack.
    template <class Visit>
    void each_in(const PointBins<D>& bins, const Cell& cell, double slack, Visit&& visit) const {
        typename PointBins<D>::Point low = points_.row(cell[0]), high = low;
        for (const Index node : cell) {
            low = low.min(points_.row(node).array());
            high = high.max(points_.row(node).array());
        }
        // l >= -slack for all hat functions allows a point so far outside.
        const auto margin = (D * slack * (high - low)).eval();
        bins.each_in(low - margin, high + margin, [&](Index p) {
            const Barycentric l = barycentric(cell, bins.points().row(p));
            if (l.minCoeff() >= -slack) visit(p, l);
        });
    }

private:
    using Edges = Eigen::Matrix<double, D, D>;

    Edges edges(const Cell& cell) const {
        Edges e;
        for (int k = 0; k < D; ++k) e.row(k) = points_.row(cell[k + 1]) - points_.row(cell[0]);
        return e;
    }

    Barycentric barycentric(const Cell& cell, const Eigen::Matrix<double, 1, D>& x) const {
        Barycentric l = gradients(cell) * (x - points_.row(cell[0])).transpose();
        l[0] += 1.0;
        return l;
    }

    // Nodes of facets that belong to one cell only.
    std::vector<bool> find_boundary() const {
        std::vector<bool> on(static_cast<std::size_t>(node_count()), false);
        each_facet<D>(sorted_facets<D>(cells_, node_count()), [&](auto first, auto last) {
            if (last - first == 1)
                for (const Index node : first->nodes) on[static_cast<std::size_t>(node)] = true;
        });
        return on;
    }

    Points points_;
    std::vector<Cell> cells_;
    std::vector<bool> boundary_;
};

}  // namespace m4dl
