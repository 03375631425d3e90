#include "m4dl/linalg/ordering.hpp"

#include <Eigen/OrderingMethods>
#include <Eigen/SparseCore>
#include <limits>
#include <numeric>
#include <queue>

namespace m4dl {
namespace {

constexpr Index kLeaf = 2;  // parts this small are eliminated as they come

struct Graph {
    std::vector<Index> start, neighbour;
};

Graph adjacency(const LowerPattern& p) {
    Graph g;
    g.start.assign(p.size + 1, 0);
    auto each_edge = [&](auto&& visit) {
        for (Index j = 0; j < p.size; ++j)
            for (Index e = p.column_start[j]; e < p.column_start[j + 1]; ++e)
                if (p.row[e] != j) visit(p.row[e], j);
    };
    each_edge([&](Index i, Index j) { ++g.start[i + 1], ++g.start[j + 1]; });
    std::partial_sum(g.start.begin(), g.start.end(), g.start.begin());
    g.neighbour.resize(g.start.back());
    std::vector<Index> fill(g.start.begin(), g.start.end() - 1);
    each_edge([&](Index i, Index j) { g.neighbour[fill[i]++] = j, g.neighbour[fill[j]++] = i; });
    return g;
}

// Breadth-first distances from one vertex; other components count as farther than everything.
std::vector<double> distances(const Graph& g, Index from) {
    const Index n = static_cast<Index>(g.start.size()) - 1;
    std::vector<double> d(n, static_cast<double>(n));
    std::queue<Index> queue;
    d[from] = 0;
    for (queue.push(from); !queue.empty(); queue.pop()) {
        const Index v = queue.front();
        for (Index e = g.start[v]; e < g.start[v + 1]; ++e)
            if (const Index w = g.neighbour[e]; d[w] == static_cast<double>(n) && w != from) {
                d[w] = d[v] + 1;
                queue.push(w);
            }
    }
    return d;
}

// Two axes: differences of distances to two pairs of far-apart vertices.
Matrix graph_coordinates(const Graph& g) {
    const Index n = static_cast<Index>(g.start.size()) - 1;
    auto farthest = [](const std::vector<double>& d) {
        return static_cast<Index>(std::max_element(d.begin(), d.end()) - d.begin());
    };
    Matrix x(n, 2);
    const auto a0 = distances(g, farthest(distances(g, 0)));
    const auto a1 = distances(g, farthest(a0));
    std::vector<double> nearest(n);
    for (Index k = 0; k < n; ++k) nearest[k] = std::min(a0[k], a1[k]);
    const auto b0 = distances(g, farthest(nearest));
    const auto b1 = distances(g, farthest(b0));
    for (Index k = 0; k < n; ++k) x(k, 0) = a0[k] - a1[k], x(k, 1) = b0[k] - b1[k];
    return x;
}

// The axes to cut along: the coordinates and, in two and three dimensions, their diagonals. On a
// five-point grid a diagonal front of k vertices separates as much as a straight one of 2 k edges.
Matrix cutting_axes(const Matrix& x) {
    const Index n = x.rows(), d = x.cols();
    Matrix axes(n, d + d * (d - 1));
    axes.leftCols(d) = x;
    Index column = d;
    for (Index a = 0; a < d; ++a)
        for (Index b = 0; b < a; ++b) {
            axes.col(column++) = x.col(a) + x.col(b);
            axes.col(column++) = x.col(a) - x.col(b);
        }
    return axes;
}

class Dissection {
public:
    Dissection(const Graph& graph, const Matrix& coordinates)
        : graph_(graph), x_(coordinates), side_(coordinates.rows(), 0) {}

    Order run() {
        Order all(x_.rows());
        std::iota(all.begin(), all.end(), Index{0});
        order_.reserve(all.size());
        split(std::move(all));
        return std::move(order_);
    }

private:
    // Orders part A, then part B, then the separator between them.
    void split(Order part) {
        if (static_cast<Index>(part.size()) <= kLeaf) {
            order_.insert(order_.end(), part.begin(), part.end());
            return;
        }
        Order best_a, best_b, best_separator;
        double best = std::numeric_limits<double>::infinity();
        for (Index axis = 0; axis < x_.cols(); ++axis) {
            Order a, b, separator;
            if (!cut(part, axis, a, b, separator)) continue;
            // A small separator first; balance breaks near-ties.
            const double imbalance =
                std::abs(static_cast<double>(a.size()) - static_cast<double>(b.size())) /
                static_cast<double>(part.size());
            const double cost = static_cast<double>(separator.size()) * (1 + imbalance);
            if (cost < best) {
                best = cost;
                best_a.swap(a), best_b.swap(b), best_separator.swap(separator);
            }
        }
        if (best_a.empty() || best_b.empty()) {  // all coordinates equal: nothing to cut
            order_.insert(order_.end(), part.begin(), part.end());
            return;
        }
        Order().swap(part);
        split(std::move(best_a));
        split(std::move(best_b));
        split(std::move(best_separator));
    }

    // Cuts at the median coordinate: {x < t} | {x >= t}; the vertices of one side that touch the
    // other are the separator (the smaller of the two choices).
    bool cut(const Order& part, Index axis, Order& a, Order& b, Order& separator) {
        std::vector<double> values(part.size());
        for (std::size_t k = 0; k < part.size(); ++k) values[k] = x_(part[k], axis);
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), middle, values.end());
        double t = *middle;
        if (*std::min_element(values.begin(), values.end()) == t) {
            const double top = *std::max_element(values.begin(), values.end());
            if (top == t) return false;
            double above = top;
            for (const double v : values)
                if (v > t) above = std::min(above, v);
            t = above;
        }
        for (const Index v : part) side_[v] = x_(v, axis) < t ? 1 : 2;
        auto touches = [&](Index v, char other) {
            for (Index e = graph_.start[v]; e < graph_.start[v + 1]; ++e)
                if (side_[graph_.neighbour[e]] == other) return true;
            return false;
        };
        Order of_a, of_b;
        for (const Index v : part) {
            if (side_[v] == 1 && touches(v, 2)) of_a.push_back(v);
            if (side_[v] == 2 && touches(v, 1)) of_b.push_back(v);
        }
        separator = of_a.size() < of_b.size() ? of_a : of_b;
        for (const Index v : separator) side_[v] = 3;
        for (const Index v : part) {
            if (side_[v] == 1) a.push_back(v);
            if (side_[v] == 2) b.push_back(v);
        }
        for (const Index v : part) side_[v] = 0;
        return !a.empty() && !b.empty();
    }

    const Graph& graph_;
    const Matrix& x_;
    std::vector<char> side_;
    Order order_;
};

}  // namespace

Order nested_dissection(const LowerPattern& pattern, const Matrix& coordinates) {
    if (pattern.size == 0) return {};
    const Graph graph = adjacency(pattern);
    const Matrix x = coordinates.size() > 0 ? coordinates : graph_coordinates(graph);
    return Dissection(graph, cutting_axes(x)).run();
}

Order minimum_degree(const LowerPattern& pattern) {
    Eigen::SparseMatrix<double> a(pattern.size, pattern.size);
    std::vector<Eigen::Triplet<double>> entries;
    for (Index j = 0; j < pattern.size; ++j)
        for (Index e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e)
            entries.emplace_back(static_cast<int>(pattern.row[e]), static_cast<int>(j), 1.0);
    a.setFromTriplets(entries.begin(), entries.end());
    Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, int> p;
    Eigen::AMDOrdering<int>()(a.selfadjointView<Eigen::Lower>(), p);
    return Order(p.indices().data(), p.indices().data() + pattern.size);
}

}  // namespace m4dl
