// Collects an affine system on all nodes of a mesh and eliminates the Dirichlet ones.
#pragma once

#include <optional>
#include <sstream>

#include "m4dl/fem/grid.hpp"
#include "m4dl/model/affine_elliptic.hpp"

namespace m4dl {

class Assembler {
public:
    Assembler(Index nodes, Index parameters)
        : parameters_(parameters),
          fixed_(static_cast<std::size_t>(nodes)),
          load_(Vector::Zero(nodes)) {}

    // u = value at this node.
    void fix(Index node, double value) { fixed_[node] = value; }
    // A(i, j) += value; both (i, j) and (j, i) are to be added.
    void add(Index i, Index j, double value) { constant_.push_back({i, j, value}); }
    // A(i, j) += c_k value.
    void add_term(Index i, Index j, Index k, double value) { terms_.push_back({i, j, k, value}); }
    void add_load(Index i, double value) { load_[i] += value; }

    // `points`: interpolation weights of each observation; `coordinates`: of all nodes.
    AffineSystem finish(const std::vector<Weights>& points, const Matrix& coordinates) const {
        const Index nodes = load_.size();
        std::vector<Index> unknown(static_cast<std::size_t>(nodes), -1);
        Index n = 0;
        for (Index k = 0; k < nodes; ++k)
            if (!fixed_[k]) unknown[k] = n++;
        require(n > 0, "the mesh has no node inside the domain");

        AffineSystem s;
        std::vector<std::pair<Index, Index>> entries;
        auto collect = [&](Index i, Index j) {
            if (!fixed_[i] && !fixed_[j] && i >= j) entries.emplace_back(unknown[i], unknown[j]);
        };
        for (const Entry& e : constant_) collect(e.row, e.column);
        for (const Term& t : terms_) collect(t.i, t.j);
        s.pattern = make_pattern(n, std::move(entries));

        // Each entry lies among the unknowns (kept, lower triangle) or multiplies a known boundary
        // value (moved to the right-hand side) or belongs to an eliminated row (dropped).
        s.a0 = Vector::Zero(s.pattern.nonzeros());
        Vector load = Vector::Zero(n);
        for (Index k = 0; k < nodes; ++k)
            if (!fixed_[k]) load[unknown[k]] = load_[k];
        for (const Entry& e : constant_) {
            if (fixed_[e.row]) continue;
            if (fixed_[e.column])
                load[unknown[e.row]] -= e.value * *fixed_[e.column];
            else if (e.row >= e.column)
                s.a0[s.pattern.find(unknown[e.row], unknown[e.column])] += e.value;
        }
        std::vector<Entry> terms, load_terms;
        for (const Term& t : terms_) {
            if (fixed_[t.i]) continue;
            if (fixed_[t.j]) {
                if (*fixed_[t.j] != 0.0)
                    load_terms.push_back({unknown[t.i], t.k, -t.value * *fixed_[t.j]});
            } else if (t.i >= t.j) {
                terms.push_back({s.pattern.find(unknown[t.i], unknown[t.j]), t.k, t.value});
            }
        }
        s.terms = SparseRows(s.pattern.nonzeros(), parameters_, std::move(terms));
        s.load = {std::move(load)};
        if (!load_terms.empty()) s.load_terms = {SparseRows(n, parameters_, std::move(load_terms))};

        std::vector<Entry> observe;
        Vector offset = Vector::Zero(static_cast<Index>(points.size()));
        for (Index p = 0; p < offset.size(); ++p)
            for (const auto& [node, weight] : points[p]) {
                if (fixed_[node])
                    offset[p] += weight * *fixed_[node];
                else
                    observe.push_back({p, unknown[node], weight});
            }
        s.observe = SparseRows(offset.size(), n, std::move(observe));
        s.offset = {std::move(offset)};
        s.coordinates.resize(n, coordinates.cols());
        for (Index k = 0; k < nodes; ++k)
            if (!fixed_[k]) s.coordinates.row(unknown[k]) = coordinates.row(k);
        return s;
    }

private:
    struct Term {
        Index i, j, k;
        double value;
    };
    Index parameters_;
    std::vector<std::optional<double>> fixed_;
    Vector load_;
    std::vector<Entry> constant_;
    std::vector<Term> terms_;
};

// Interpolation weights of all points (one per row).
template <class Mesh>
std::vector<Weights> interpolation(const Mesh& mesh, const Matrix& points) {
    std::vector<Weights> out;
    out.reserve(static_cast<std::size_t>(points.rows()));
    for (Index p = 0; p < points.rows(); ++p) {
        out.push_back(mesh.interpolate(points.row(p).data()));
        if (!out.back().empty()) continue;
        std::ostringstream where;
        for (Index a = 0; a < points.cols(); ++a) where << (a == 0 ? "" : ", ") << points(p, a);
        require(false, "points: row ", p, " (", where.str(), ") lies outside the domain");
    }
    return out;
}

}  // namespace m4dl
