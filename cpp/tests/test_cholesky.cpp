// The lane Cholesky against Eigen's dense solver on random patterns, and what a matrix that is not
// positive definite does to its lane and to the others.
#include <Eigen/Cholesky>
#include <random>

#include "check.hpp"
#include "m4dl/linalg/cholesky.hpp"

using namespace m4dl;

namespace {

struct Problem {
    LowerPattern pattern;
    Block values;  // diagonally dominant, a different matrix in each lane

    Problem(Index n, double density, std::mt19937& rng) {
        std::uniform_real_distribution<double> uniform;
        std::vector<std::pair<Index, Index>> entries;
        for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < i; ++j)
                if (uniform(rng) < density) entries.emplace_back(i, j);
        pattern = make_pattern(n, entries);
        values = Block::Random(pattern.nonzeros(), kLanes);
        for (Index lane = 0; lane < kLanes; ++lane) {
            const Matrix a = dense(lane);
            for (Index k = 0; k < n; ++k)
                values(pattern.find(k, k), lane) = a.row(k).cwiseAbs().sum() + 0.1;
        }
    }
    Matrix dense(Index lane) const {
        Matrix a = Matrix::Zero(pattern.size, pattern.size);
        for (Index j = 0; j < pattern.size; ++j)
            for (Index e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e)
                a(pattern.row[e], j) = a(j, pattern.row[e]) = values(e, lane);
        return a;
    }
};

void check_solves(const Problem& p, const Symbolic& analysis) {
    const Index n = p.pattern.size;
    Cholesky<kLanes> factor(std::make_shared<Symbolic>(analysis));
    factor.factor(p.values.data());
    const Block b = Block::Random(n, kLanes);
    Block x = b, scratch;
    factor.solve(x, scratch);
    for (Index lane = 0; lane < kLanes; ++lane) {
        const Vector exact = p.dense(lane).llt().solve(b.col(lane).matrix());
        CHECK((x.col(lane).matrix() - exact).norm() <= 1e-12 * exact.norm());
        const double determinant =
            2.0 * p.dense(lane).llt().matrixL().toDenseMatrix().diagonal().array().log().sum();
        CHECK(std::abs(factor.log_determinant()[lane] - determinant) <=
              1e-12 * static_cast<double>(n) * (1.0 + std::abs(determinant)));
    }

    // One matrix shared by all lanes; its half solves square to the inverse.
    Cholesky<1> shared(std::make_shared<Symbolic>(analysis));
    const Vector first = p.values.col(0).matrix();
    shared.factor(first.data());
    Block y = b;
    shared.solve(y, scratch);
    Block half = b;
    shared.half_solve_adjoint(half, scratch);
    const Lanes energy = half.square().colwise().sum();
    for (Index lane = 0; lane < kLanes; ++lane) {
        const Vector exact = p.dense(0).llt().solve(b.col(lane).matrix());
        CHECK((y.col(lane).matrix() - exact).norm() <= 1e-12 * exact.norm());
        CHECK(std::abs(energy[lane] - b.col(lane).matrix().dot(exact)) <= 1e-12 * energy[lane]);
    }
}

}  // namespace

int main() {
    std::mt19937 rng(1);
    for (const Index n : {1, 2, 5, 17, 60, 150})
        for (const double density : {0.0, 0.02, 0.2, 1.0}) {
            const Problem p(n, density, rng);
            check_solves(p, analyse(p.pattern, nested_dissection(p.pattern, Matrix())));
            check_solves(p, analyse(p.pattern, nested_dissection(p.pattern, Matrix::Random(n, 2))));
            check_solves(p, analyse(p.pattern, minimum_degree(p.pattern)));
        }

    // Lane 5 made indefinite, lane 2 given a NaN: those two fail, the others do not change a bit.
    Problem p(40, 0.1, rng);
    const auto analysis = std::make_shared<Symbolic>(analyse(p.pattern, Matrix()));
    Cholesky<kLanes> factor(analysis);
    const Block b = Block::Random(40, kLanes);
    Block good = b, bad = b, scratch;
    factor.factor(p.values.data());
    factor.solve(good, scratch);
    p.values(p.pattern.find(7, 7), 5) = -1.0;
    p.values(p.pattern.find(3, 3), 2) = std::numeric_limits<double>::quiet_NaN();
    factor.factor(p.values.data());
    factor.solve(bad, scratch);
    for (Index lane = 0; lane < kLanes; ++lane) {
        if (lane == 2 || lane == 5)
            CHECK(bad.col(lane).isNaN().all());
        else
            CHECK((bad.col(lane) == good.col(lane)).all());
    }
    // A singular matrix is not positive definite either.
    p.values.setZero();
    factor.factor(p.values.data());
    factor.solve(bad, scratch);
    CHECK(bad.isNaN().all());
    return 0;
}
