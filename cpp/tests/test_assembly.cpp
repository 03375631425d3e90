// Sparse products and patterns against dense ones, points in bins against all points, and the
// pattern of a box cut into tetrahedra.
#include <random>

#include "check.hpp"
#include "m4dl/fem/elements.hpp"
#include "m4dl/solve/assembler.hpp"

using namespace m4dl;

namespace {

std::mt19937 rng(7);

std::vector<Entry> random_entries(Index rows, Index columns, Index count) {
    std::uniform_int_distribution<Index> row(0, rows - 1), column(0, columns - 1);
    std::normal_distribution<double> value;
    std::vector<Entry> out;  // in any order, some of them at the same place
    for (Index k = 0; k < count; ++k) out.push_back({row(rng), column(rng), value(rng)});
    return out;
}

Matrix dense(Index rows, Index columns, const std::vector<Entry>& entries) {
    Matrix out = Matrix::Zero(rows, columns);
    for (const Entry& e : entries) out(e.row, e.column) += e.value;
    return out;
}

Matrix times(const SparseRows& a, const Matrix& x) {
    Block in(x.rows(), kLanes), out(a.rows(), kLanes);
    in = x.array();
    a.times(in, out);
    return out.matrix();
}

void check_products() {
    for (int repeat = 0; repeat < 20; ++repeat) {
        const auto left = random_entries(9, 6, 30), right = random_entries(6, 11, 20);
        const SparseRows a(9, 6, left), b(6, 11, right);
        const Matrix x = Matrix::Random(11, kLanes);
        const Matrix expected = dense(9, 6, left) * (dense(6, 11, right) * x);
        CHECK((times(a * b, x) - expected).norm() < 1e-13 * (1.0 + expected.norm()));
    }
}

void check_patterns() {
    std::vector<std::pair<Index, Index>> places;
    Matrix mask = Matrix::Identity(12, 12);
    for (const Entry& e : random_entries(12, 12, 40)) {
        places.emplace_back(e.row, e.column);
        mask(e.row, e.column) = mask(e.column, e.row) = 1.0;
    }
    const LowerPattern p = make_pattern(12, places);
    CHECK(2 * p.nonzeros() - 12 == static_cast<Index>(mask.sum()));
    for (Index j = 0; j < 12; ++j)
        for (Index e = p.column_start[j]; e < p.column_start[j + 1]; ++e) {
            CHECK(p.row[e] >= j && mask(p.row[e], j) == 1.0);
            CHECK(e == p.column_start[j] || p.row[e - 1] < p.row[e]);
        }
}

void check_bins() {
    PointBins<3>::Points x = PointBins<3>::Points::Random(200, 3);
    x.bottomRows(50).col(1).setZero();  // many in one plane, and some of them equal
    x.row(199) = x.row(198);
    const PointBins<3> bins(x);
    for (int repeat = 0; repeat < 100; ++repeat) {
        const PointBins<3>::Point a = PointBins<3>::Point::Random() * 1.2, width = a.abs() * 0.5;
        std::vector<int> visits(200, 0);
        bins.each_in(a, a + width, [&](Index p) { ++visits[p]; });
        for (Index p = 0; p < 200; ++p) {
            const PointBins<3>::Point y = x.row(p);
            CHECK(visits[p] == ((y >= a).all() && (y <= a + width).all() ? 1 : 0));
        }
    }
}

// The paths from the lowest corner of each cell to the highest one.
SimplexMesh<3> cut(const Grid& grid) {
    std::vector<SimplexMesh<3>::Cell> cells;
    for (Index k = 0; k < grid.cell_count(); ++k) {
        std::array<Index, 3> axes{0, 1, 2};
        do {
            auto at = grid.unflatten(k, 0);
            SimplexMesh<3>::Cell cell{grid.flatten(at, 1)};
            for (int step = 0; step < 3; ++step) {
                ++at[axes[step]];
                cell[step + 1] = grid.flatten(at, 1);
            }
            cells.push_back(cell);
        } while (std::next_permutation(axes.begin(), axes.end()));
    }
    return {grid.node_coordinates(), std::move(cells)};
}

// Right angles give exact zeros, whatever the spacing, and these enter no pattern.
void check_a_cut_box() {
    const Grid grid{{5, 4, 6}, {0.1, -0.3, 2.0}, {1.0, 0.4, 2.7}};
    const SimplexMesh<3> mesh = cut(grid);
    CHECK(mesh.boundary() == grid.boundary());
    Assembler a(mesh.boundary(), Vector::Zero(mesh.node_count()), mesh.cell_count());
    for (Index t = 0; t < mesh.cell_count(); ++t) {
        const P1Element<3> element(mesh, t);
        for (int p = 0; p < 4; ++p)
            for (int q = 0; q < 4; ++q)
                a.add_term(mesh.cells()[t][p], mesh.cells()[t][q], t, element.stiffness(p, q));
    }
    const AffineSystem s = std::move(a).finish({}, mesh.points());
    const Index n = 4 * 3 * 5, edges = 3 * 3 * 5 + 4 * 2 * 5 + 4 * 3 * 4;
    CHECK(s.pattern.size == n);
    CHECK(s.pattern.nonzeros() == n + edges);
}

}  // namespace

int main() {
    check_products();
    check_patterns();
    check_bins();
    check_a_cut_box();
}
