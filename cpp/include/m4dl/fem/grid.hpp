// A box cut into equal cells, in one to three dimensions. Fields are stored in C order of
// (x, y, z): the last coordinate runs fastest.
#pragma once

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "m4dl/base/block.hpp"
#include "m4dl/base/require.hpp"

namespace m4dl {

using Weights = std::vector<std::pair<Index, double>>;  // (node, weight)

struct Grid {
    std::vector<Index> cells;
    std::vector<double> low, high;

    Index dim() const { return static_cast<Index>(cells.size()); }
    double spacing(Index axis) const {
        return (high[axis] - low[axis]) / static_cast<double>(cells[axis]);
    }
    Index node_count() const { return count(1); }
    Index cell_count() const { return count(0); }
    Index corners() const { return Index{1} << dim(); }

    // C-order index of `at` in an array of shape cells + extra.
    Index flatten(const std::vector<Index>& at, Index extra) const {
        Index k = 0;
        for (Index a = 0; a < dim(); ++a) k = k * (cells[a] + extra) + at[a];
        return k;
    }
    std::vector<Index> unflatten(Index k, Index extra) const {
        std::vector<Index> at(cells.size());
        for (Index a = dim() - 1; a >= 0; --a) {
            at[a] = k % (cells[a] + extra);
            k /= cells[a] + extra;
        }
        return at;
    }
    bool on_boundary(const std::vector<Index>& node) const {
        for (Index a = 0; a < dim(); ++a)
            if (node[a] == 0 || node[a] == cells[a]) return true;
        return false;
    }
    std::vector<bool> boundary() const {
        std::vector<bool> on(static_cast<std::size_t>(node_count()));
        for (Index k = 0; k < node_count(); ++k) on[k] = on_boundary(unflatten(k, 1));
        return on;
    }
    // Corner q of a cell: bit a of q (from the last axis) steps along axis a.
    Index corner(std::vector<Index> cell, Index q) const {
        for (Index a = 0; a < dim(); ++a) cell[a] += (q >> (dim() - 1 - a)) & 1;
        return flatten(cell, 1);
    }
    Matrix node_coordinates() const {
        Matrix x(node_count(), dim());
        for (Index k = 0; k < x.rows(); ++k) {
            const auto at = unflatten(k, 1);
            for (Index a = 0; a < dim(); ++a)
                x(k, a) = low[a] + spacing(a) * static_cast<double>(at[a]);
        }
        return x;
    }

    // Multilinear interpolation from the nodes at each point (one per row).
    std::vector<Weights> interpolate(const Matrix& points) const {
        require(points.cols() == dim(), "points must have ", dim(), " columns, got ",
                points.cols());
        std::vector<Weights> out;
        out.reserve(static_cast<std::size_t>(points.rows()));
        for (Index p = 0; p < points.rows(); ++p) out.push_back(interpolate(points.row(p).data()));
        return out;
    }
    Weights interpolate(const double* point) const {
        std::vector<Index> cell(cells.size());
        std::vector<double> t(cells.size());
        for (Index a = 0; a < dim(); ++a) {
            const double s = (point[a] - low[a]) / spacing(a);
            const auto last = static_cast<double>(cells[a] - 1);
            const double floor = s >= 1.0 ? std::min(std::floor(s), last) : 0.0;
            cell[a] = static_cast<Index>(floor);
            t[a] = s - floor;
        }
        Weights out;
        for (Index q = 0; q < corners(); ++q) {
            double weight = 1.0;
            for (Index a = 0; a < dim(); ++a)
                weight *= ((q >> (dim() - 1 - a)) & 1) ? t[a] : 1.0 - t[a];
            if (weight != 0.0) out.emplace_back(corner(cell, q), weight);
        }
        return out;
    }

private:
    Index count(Index extra) const {
        Index n = 1;
        for (const Index c : cells) n *= c + extra;
        return n;
    }
};

}  // namespace m4dl
