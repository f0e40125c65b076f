/** Every sentence of the rooms. */

export const words = {
  rooms: { datasets: "Data sets" },
};
